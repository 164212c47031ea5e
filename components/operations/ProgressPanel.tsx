/** One operation: how far it is, what it is, and its end by hand. The form works without JavaScript as well. */
import { AskMenu } from "../Ask.tsx";
import { count, duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { Time } from "../Time.tsx";
import { OperationState } from "./OperationsPanel.tsx";
import { ProgressBar } from "./ProgressBar.tsx";
import { type BulkOperationView, deed, operationHref, targetText } from "./types.ts";

interface Props {
  operation: BulkOperationView;
  csrf: string;
  canOperate: boolean;
  onAbort: () => void;
}

export function ProgressPanel({ operation, csrf, canOperate, onAbort }: Props) {
  const { kind, state, total, counts, target, actor, itemsPerSecond, createdAt, endedAt, instanceId } = operation;
  const isRunning = state === "running";
  const leftMs = counts.waiting * 1_000 / itemsPerSecond;
  return (
    <Panel
      id="progress"
      class="panel relative"
      title={deed(kind, total)}
      lead={<OperationState state={state} isChip />}
      aside={isRunning && canOperate ? <Abort operation={operation} csrf={csrf} onAbort={onAbort} /> : undefined}
    >
      <div class="grid gap-6 p-4 lg:grid-cols-2">
        <div aria-live="polite">
          <p class="mb-3 flex items-baseline gap-3">
            <b class="text-2xl font-bold">{count(total - counts.waiting)}</b>
            <span class="text-base text-muted">of {count(total)}</span>
          </p>
          <ProgressBar counts={counts} />
        </div>
        <dl class="facts content-start">
          <dt>What</dt>
          <dd>{targetText(target)}; what came later does not belong to it</dd>
          <dt>By</dt>
          <dd>{actor}</dd>
          <dt>Pace</dt>
          <dd>
            {itemsPerSecond} a second at most
            {isRunning && counts.waiting > 0 && `, about ${duration(leftMs)} more`}
          </dd>
          <dt>Begun</dt>
          <dd>
            <Time at={createdAt} shape="exact" />
          </dd>
          {endedAt !== null && (
            <>
              <dt>{state === "aborted" ? "Aborted" : "Ended"}</dt>
              <dd>after {duration(Date.parse(endedAt) - Date.parse(createdAt))}</dd>
            </>
          )}
          {isRunning && instanceId === null && (
            <>
              <dt>Waits</dt>
              <dd>for an instance to take it up</dd>
            </>
          )}
        </dl>
      </div>
    </Panel>
  );
}

function Abort({ operation: { id, counts }, csrf, onAbort }: Omit<Props, "canOperate">) {
  return (
    <AskMenu id="abort" label={`Abort, ${count(counts.waiting)} left out`} isDanger>
      <p>What has been done stays done. The {count(counts.waiting)} that are left stay as they are.</p>
      <form
        method="post"
        action={operationHref(id)}
        onSubmit={(event) => {
          event.preventDefault();
          onAbort();
        }}
      >
        <input type="hidden" name="csrf" value={csrf} />
        <button type="submit" class="btn btn-error btn-sm">Yes, abort now</button>
      </form>
    </AskMenu>
  );
}
