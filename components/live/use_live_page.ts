/**
 * Keeps what a page shows up to date: an event of its topics is a hint, the page's own data (`?as=data`) is the truth. Hints
 * that come close together cost one fetch; without a connection the page asks every POLL_MS.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { liveState, subscribe } from "./event_stream.ts";

const SETTLE_MS = 60;
const POLL_MS = 2_000;

export interface LivePage<T> {
  data: T;
  /** Fetches now, e.g. after a write. */
  refresh: () => void;
}

export interface LiveOptions {
  /** How long hints are gathered before the one fetch that they cost. */
  settleMs?: number;
  /** How old the server's answer may be: after the last hint one more fetch follows when that time is over. */
  staleMs?: number;
  /** The reader aims at something, so nothing may move. */
  isPaused?: boolean;
}

/** @param topics none: the page stays as it is. */
export function useLivePage<T>(
  initial: T,
  url: string,
  topics: readonly string[],
  { settleMs = SETTLE_MS, staleMs = 0, isPaused = false }: LiveOptions = {},
): LivePage<T> {
  const [data, setData] = useState(initial);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const refreshRef = useRef(() => {});
  useEffect(() => {
    if (topics.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let trailing: ReturnType<typeof setTimeout> | undefined;
    let isFetching = false;
    let isDirty = false;
    const ending = new AbortController();
    const fetchNow = async () => {
      timer = undefined;
      if (isFetching) return void (isDirty = true);
      isFetching = true;
      isDirty = false;
      try {
        const response = await fetch(url, { signal: ending.signal, headers: { accept: "application/json" } });
        if (response.ok && !paused.current) setData(await response.json());
      } catch {
        // The server is away, and the badge says so: the next event or poll tries again.
      } finally {
        isFetching = false;
        if (isDirty) refresh();
      }
    };
    const refresh = () => timer ??= setTimeout(fetchNow, settleMs);
    refreshRef.current = refresh;
    const unsubscribe = subscribe(topics, () => {
      refresh();
      if (staleMs === 0) return;
      clearTimeout(trailing);
      trailing = setTimeout(refresh, staleMs);
    });
    const poll = setInterval(() => {
      if (liveState.value.state !== "live" && !document.hidden) refresh();
    }, POLL_MS);
    return () => {
      ending.abort();
      unsubscribe();
      clearInterval(poll);
      clearTimeout(timer);
      clearTimeout(trailing);
    };
  }, [url, topics.join(",")]);
  return { data, refresh: () => refreshRef.current() };
}

/** The present, ticking once a second, all together; `initial` until the browser has taken over. */
export function useNow(initialMs: number): number {
  const [nowMs, setNow] = useState(initialMs);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
