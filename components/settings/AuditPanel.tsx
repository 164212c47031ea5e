/** Who asked for which write, and what became of it: newest first, by pages. */
import { Empty } from "../Empty.tsx";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { type AuditData, type AuditEntry, settingsHref } from "./types.ts";

const OUTCOMES: Record<string, { state: string; word: string }> = {
  ok: { state: "succeeded", word: "done" },
  refused: { state: "attention", word: "refused" },
  failed: { state: "failed", word: "failed" },
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function AuditPanel({ data: { entries, nextCursor, isFirstPage } }: { data: AuditData }) {
  return (
    <Panel
      id="audit"
      title="Audit log"
      class="panel overflow-hidden"
      aside="every write, and every refusal, newest first"
    >
      {entries.length === 0
        ? (
          <Empty title={isFirstPage ? "Nothing was written yet" : "There are no older entries"}>
            {!isFirstPage && (
              <p>
                <a class="link-quiet" href={settingsHref("audit")}>To the newest</a>
              </p>
            )}
          </Empty>
        )
        : (
          <TableRegion label="Audit log">
            <thead>
              <tr>
                <th scope="col" class="max-md:hidden">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col" class="max-md:hidden">To</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="max-lg:hidden">From</th>
              </tr>
            </thead>
            <tbody>{entries.map((entry) => <Row key={entry.id} entry={entry} />)}</tbody>
          </TableRegion>
        )}
      {(nextCursor !== null || !isFirstPage) && (
        <nav class="flex gap-2 border-t border-base-300 px-4 py-3" aria-label="Pages of the audit log">
          {!isFirstPage && <a class="btn btn-quiet btn-sm" href={settingsHref("audit")}>Newest</a>}
          {nextCursor !== null && (
            <a class="btn btn-quiet btn-sm" href={settingsHref("audit", { cursor: nextCursor })}>Older entries</a>
          )}
        </nav>
      )}
    </Panel>
  );
}

function Row({ entry: { at, actor, role, action, target, outcome, fields } }: { entry: AuditEntry }) {
  const isDispatch = target !== null && UUID.test(target) && action.startsWith("dispatch.");
  return (
    <tr>
      <td class="text-muted max-md:hidden">
        <Time at={at} shape="minute" />
      </td>
      <td>
        {actor} {role !== null && <span class="text-faint max-md:hidden">{role}</span>}
      </td>
      <td>
        {action}
        <Time at={at} shape="minute" class="block text-xs text-muted md:hidden" />
      </td>
      <td class="max-w-72 truncate max-md:hidden" title={target ?? undefined}>
        {target === null
          ? <span class="text-faint">none</span>
          : isDispatch
          ? <a class="row-link id" href={`/dispatches/${target}`}>{target}</a>
          : target}
      </td>
      <td>
        <State {...OUTCOMES[outcome] ?? { state: "unknown", word: outcome }} />
      </td>
      <td class="text-muted max-lg:hidden">{textOf(fields?.address)}</td>
    </tr>
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
