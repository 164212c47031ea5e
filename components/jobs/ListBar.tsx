/** The strip above the table, always of one height: what is new, or what the selected can be told to do. */
import { useState } from "preact/hooks";
import { Icon } from "../Icon.tsx";
import { plural } from "../format.ts";
import { write } from "../live/write.ts";
import { isEnded, type JobRow } from "./row.ts";
import { Time } from "../Time.tsx";

interface Props {
  rows: readonly JobRow[];
  selected: ReadonlySet<string>;
  newCount: number;
  frozenAt: number | null;
  canOperate: boolean;
  onClear: () => void;
  onShowNew: () => void;
}

export function ListBar({ rows, selected, newCount, frozenAt, canOperate, onClear, onShowNew }: Props) {
  const [result, setResult] = useState<string | null>(null);
  const chosen = rows.filter(({ id }) => selected.has(id));
  const retriable = chosen.filter(isEnded);
  const live = chosen.length - retriable.length;
  const retry = async () => {
    let retried = 0;
    const failures: string[] = [];
    for (const { id } of retriable) {
      const answer = await write("POST", `/api/v1/dispatches/${id}/retry`, {});
      if (answer.ok) retried += 1;
      else failures.push(`${id.slice(-8)}: ${answer.problem.detail}`);
      setResult(`${retried} of ${retriable.length} retried`);
    }
    setResult([`${plural(retried, "job")} retried`, ...failures].join(" · "));
    onClear();
  };
  const fresh = newCount > 0 && (
    <button
      type="button"
      class={`btn btn-sm ${chosen.length > 0 ? "btn-inverse" : "btn-quiet"} ml-auto`}
      onClick={onShowNew}
    >
      <Icon name="i-up" />
      {newCount} new
    </button>
  );
  if (chosen.length === 0) {
    return (
      <div class="listbar" role="region" aria-label="List">
        <span class="min-w-0 truncate" aria-live="polite" title={result ?? undefined}>
          {result ?? `${plural(rows.length, "dispatch", "dispatches")} shown, newest first`}
        </span>
        {fresh}
      </div>
    );
  }
  return (
    <div class="listbar bulkbar" role="region" aria-label="Selected jobs">
      <span class="flex-none" aria-live="polite">
        <b>{chosen.length} selected</b>
      </span>
      {canOperate && (
        <button
          type="button"
          class="btn btn-sm border-transparent bg-neutral-content text-neutral"
          disabled={retriable.length === 0}
          onClick={retry}
        >
          Retry {plural(retriable.length, "job")}
        </button>
      )}
      <button
        type="button"
        class="btn btn-inverse btn-sm max-md:hidden"
        onClick={() => navigator.clipboard?.writeText(chosen.map(({ id }) => id).join("\n"))}
      >
        Copy {plural(chosen.length, "id")}
      </button>
      <button type="button" class="btn btn-inverse btn-sm" onClick={onClear}>Clear</button>
      {live > 0 && (
        <span class="min-w-0 truncate text-xs opacity-85 max-md:order-first max-md:w-full md:max-lg:hidden">
          {live} cannot be retried: still under way
        </span>
      )}
      {frozenAt !== null && (
        <span class="ml-auto flex-none text-xs opacity-85 max-xl:hidden">
          frozen at <Time at={new Date(frozenAt)} />
        </span>
      )}
      {fresh}
    </div>
  );
}
