/**
 * Rows that hold still: a shown row is patched in place, a new one waits to be asked for, and while something is selected
 * nothing moves at all (changes are kept and applied when the selection is cleared).
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { DispatchView } from "../dispatch/types.ts";
import { subscribe } from "../live/event_stream.ts";
import { matches, type Term } from "./query.ts";
import { type JobRow, rowOf } from "./row.ts";

const FLASH_MS = 1_200;
const MAX_NEW = 999;

export interface HeldRows {
  rows: JobRow[];
  changed: ReadonlySet<string>;
  departed: ReadonlySet<string>;
  newCount: number;
  /** Shows what is new: fetches the page anew. */
  reload: () => Promise<void>;
}

/** @param isFirstPage only there can new rows appear. */
export function useHeldRows(
  initial: JobRow[],
  { terms, isFirstPage, isFrozen, dataUrl }: {
    terms: Term[];
    isFirstPage: boolean;
    isFrozen: boolean;
    dataUrl: string;
  },
): HeldRows {
  const [rows, setRows] = useState(initial);
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  const [departed, setDeparted] = useState<ReadonlySet<string>>(new Set());
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const now = useRef({ rows, isFrozen });
  now.current = { rows, isFrozen };
  const waiting = useRef(new Map<string, JobRow>());

  const apply = () => {
    if (waiting.current.size === 0 || now.current.isFrozen) return;
    const changes = waiting.current;
    waiting.current = new Map();
    setRows((before) => before.map((row) => changes.get(row.id) ?? row));
    setDeparted((before) => {
      const left = [...changes.values()].filter((row) => matches(terms, row) === false).map(({ id }) => id);
      const stayed = [...before].filter((id) => !changes.has(id));
      return new Set([...stayed, ...left]);
    });
    setChanged(new Set(changes.keys()));
    setTimeout(() => setChanged(new Set()), FLASH_MS);
  };
  const reload = async () => {
    const response = await fetch(dataUrl, { headers: { accept: "application/json" } });
    if (!response.ok) return;
    waiting.current.clear();
    setRows((await response.json()).rows);
    setFresh(new Set());
    setDeparted(new Set());
  };

  useEffect(() =>
    subscribe(["dispatches"], ({ name, data }) => {
      if (name === "gap" || name === "caught_up") return void reload();
      if (name !== "dispatch") return;
      const row = rowOf(data as DispatchView);
      if (now.current.rows.some(({ id }) => id === row.id)) {
        waiting.current.set(row.id, row);
        return apply();
      }
      if (isFirstPage && isNewer(row, now.current.rows[0]) && matches(terms, row) === true) {
        setFresh((before) => before.size >= MAX_NEW ? before : new Set([...before, row.id]));
      }
    }), []);
  useEffect(apply, [isFrozen]);
  return { rows, changed, departed, newCount: fresh.size, reload };
}

function isNewer(row: JobRow, first: JobRow | undefined): boolean {
  return first === undefined || row.stages.requestedAt > first.stages.requestedAt;
}
