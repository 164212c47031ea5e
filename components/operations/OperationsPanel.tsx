/** Bulk operations, newest first: what each does, how far it is. */
import { Empty } from "../Empty.tsx";
import { duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { Time } from "../Time.tsx";
import { ProgressBar } from "./ProgressBar.tsx";
import { type BulkOperationView, deed, operationHref, targetText } from "./types.ts";

const STATES: Record<BulkOperationView["state"], { state: string; word: string }> = {
  running: { state: "running", word: "running" },
  done: { state: "succeeded", word: "ended" },
  aborted: { state: "cancelled", word: "aborted" },
};

export function OperationsPanel({ operations }: { operations: readonly BulkOperationView[] }) {
  return (
    <Panel id="operations" title="Bulk operations" aside="kept for 30 days">
      {operations.length === 0
        ? (
          <Empty title="Nothing has been done in bulk lately">
            <p>Retry a group of failures, or choose jobs on the Jobs page.</p>
          </Empty>
        )
        : (
          <ul class="divide-y divide-base-300">
            {operations.map((operation) => <Row key={operation.id} operation={operation} />)}
          </ul>
        )}
    </Panel>
  );
}

function Row({ operation }: { operation: BulkOperationView }) {
  const { id, kind, state, total, counts, target, createdAt, endedAt, actor } = operation;
  return (
    <li class="grid gap-x-6 gap-y-3 px-4 py-4 lg:grid-cols-[minmax(0,18rem)_minmax(0,1fr)_7rem] lg:items-center">
      <div class="min-w-0">
        <a class="row-link font-semibold" href={operationHref(id)}>{deed(kind, total)}</a>
        <p class="truncate text-xs text-muted" title={targetText(target)}>{targetText(target)}</p>
        <p class="truncate text-xs text-muted">
          begun <Time at={createdAt} /> by {actor}
        </p>
      </div>
      <ProgressBar counts={counts} />
      <div class="lg:text-right">
        <OperationState state={state} />
        {endedAt !== null && (
          <p class="text-xs text-muted">after {duration(Date.parse(endedAt) - Date.parse(createdAt))}</p>
        )}
      </div>
    </li>
  );
}

export function OperationState({ state, isChip = false }: { state: BulkOperationView["state"]; isChip?: boolean }) {
  return <State {...STATES[state]} isChip={isChip} />;
}
