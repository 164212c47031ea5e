/** The jobs list: search, views, the table that holds still, what can be done with the selected. */
import { useState } from "preact/hooks";
import { Empty } from "../components/Empty.tsx";
import { JobsTable } from "../components/jobs/JobsTable.tsx";
import { ListBar } from "../components/jobs/ListBar.tsx";
import { jobsHref, queryText, type Term } from "../components/jobs/query.ts";
import { QueryField } from "../components/jobs/QueryField.tsx";
import type { JobRow } from "../components/jobs/row.ts";
import { useHeldRows } from "../components/jobs/use_held_rows.ts";
import { Views } from "../components/jobs/Views.tsx";
import { useNow } from "../components/live/use_live_page.ts";

export interface JobsListProps {
  terms: Term[];
  problems: string[];
  rows: JobRow[];
  nextCursor: string | null;
  isFirstPage: boolean;
  agents: string[];
  instanceNames: Record<string, string>;
  /** Counts of views that are known without counting rows. */
  counts: Record<string, number>;
  now: string;
}

export default function JobsList(
  { canOperate, csrf, ...props }: JobsListProps & { canOperate: boolean; csrf: string },
) {
  const { terms, isFirstPage, nextCursor } = props;
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [frozenAt, setFrozenAt] = useState<number | null>(null);
  const href = jobsHref(terms);
  const dataUrl = `${href}${href.includes("?") ? "&" : "?"}as=data`;
  const held = useHeldRows(props.rows, { terms, isFirstPage, isFrozen: frozenAt !== null, dataUrl });
  const nowMs = useNow(Date.parse(props.now));
  const select = (ids: string[], isSelected: boolean) => {
    const next = new Set(selected);
    for (const id of ids) isSelected ? next.add(id) : next.delete(id);
    setSelected(next);
    setFrozenAt(next.size === 0 ? null : frozenAt ?? Date.now());
  };
  const clear = () => select([...selected], false);
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-3">
      <QueryField terms={terms} agents={props.agents} />
      {props.problems.length > 0 && <p role="status" class="text-expired">{props.problems.join(" ")}</p>}
      <Views terms={terms} counts={props.counts} />
      <section class="panel" aria-label="Jobs">
        <ListBar
          rows={held.rows}
          selected={selected}
          newCount={held.newCount}
          frozenAt={frozenAt}
          canOperate={canOperate}
          csrf={csrf}
          onClear={clear}
          onShowNew={() => {
            clear();
            void held.reload();
          }}
        />
        {held.rows.length === 0 ? <NoRows terms={terms} isCut={nextCursor !== null} /> : (
          <JobsTable
            rows={held.rows}
            instanceNames={props.instanceNames}
            nowMs={nowMs}
            selected={selected}
            changed={held.changed}
            departed={held.departed}
            onSelect={select}
          />
        )}
        <div class="flex flex-wrap items-center gap-3 border-t border-base-300 px-4 py-2.5 text-muted">
          <span>Filters are kept in the address: copy it to share this view.</span>
          {canOperate && terms.length > 0 && held.rows.length > 0 && (
            <span class="flex flex-wrap gap-x-3">
              <a class="link-quiet" href={bulkHref("retry", terms)}>Retry all that fit</a>
              <a class="link-quiet" href={bulkHref("cancel", terms)}>Cancel all that fit</a>
            </span>
          )}
          <nav class="ml-auto flex gap-2" aria-label="Pages">
            {!isFirstPage && <a class="btn btn-quiet btn-sm" href={href}>Newest</a>}
            {nextCursor !== null && <a class="btn btn-quiet btn-sm" href={jobsHref(terms, nextCursor)}>Older</a>}
          </nav>
        </div>
      </section>
    </div>
  );
}

/** To the preview: nothing is done yet. */
function bulkHref(kind: "retry" | "cancel", terms: readonly Term[]): string {
  return `/operations/new?${new URLSearchParams({ kind, query: queryText(terms) })}`;
}

function NoRows({ terms, isCut }: { terms: Term[]; isCut: boolean }) {
  if (terms.length === 0) {
    return (
      <Empty title="Nothing has been dispatched yet">
        <p>
          <a class="link-quiet" href="/dispatch">Dispatch an agent</a>, or let a program do it over REST.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title={isCut ? "None among those looked at so far" : "The filter hides everything"}>
      <p>
        <a class="link-quiet" href="/jobs">Show all</a>
      </p>
    </Empty>
  );
}
