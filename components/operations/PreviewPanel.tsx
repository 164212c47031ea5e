/** What a bulk operation would do, and the button that begins it. A plain form. */
import { Fragment } from "preact";
import { count, duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { type BulkPreview, deed, targetText } from "./types.ts";

interface Props {
  preview: BulkPreview;
  fields: readonly (readonly [name: string, value: string])[];
  /** Of the operation that the button begins. */
  id: string;
  csrf: string;
  canOperate: boolean;
  maxItemsPerSecond: number;
}

const CAN: Record<BulkPreview["kind"], string> = {
  retry: "can be retried",
  cancel: "can be cancelled",
  create: "will be created",
};

export function PreviewPanel({ preview, fields, id, csrf, canOperate, maxItemsPerSecond }: Props) {
  const { kind, eligible, excluded, target, itemsPerSecond, takesMs } = preview;
  const total = excluded.reduce((sum, each) => sum + each.count, eligible);
  const parts = [{ reason: CAN[kind], count: eligible, colour: "var(--chart-1)" }].concat(
    excluded.map((each) => ({ ...each, colour: "var(--chart-6)" })),
  );
  const seen = parts.filter((part) => part.count > 0);
  return (
    <Panel id="preview" title={kind === "cancel" ? "Cancel many jobs" : "Retry many jobs"}>
      <form method="post" action="/operations/new">
        <input type="hidden" name="csrf" value={csrf} />
        <input type="hidden" name="confirm" value="yes" />
        <input type="hidden" name="operation" value={id} />
        <input type="hidden" name="expected" value={String(eligible)} />
        {fields.map(([name, value], index) => <input key={index} type="hidden" name={name} value={value} />)}
        <div class="grid gap-6 p-4 lg:grid-cols-2">
          <div>
            <p class="flex items-baseline gap-3">
              <b class="text-2xl font-bold">{count(eligible)}</b>
              <span class="text-base text-muted">of {count(total)} {CAN[kind]}</span>
            </p>
            <div
              class="stages mt-3 h-2.5!"
              style={`grid-template-columns: ${seen.map((part) => `${part.count}fr`).join(" ")}`}
              role="img"
              aria-label={seen.map((part) => `${part.count} ${part.reason}`).join(", ")}
            >
              {seen.map(({ reason, colour }) => <i key={reason} class="stage" style={`--k: ${colour}`}></i>)}
            </div>
            <dl class="mt-3 grid grid-cols-[minmax(0,1fr)_auto] gap-y-1">
              {parts.map((part) => (
                <Fragment key={part.reason}>
                  <dt class="text-muted">{part.reason}</dt>
                  <dd class="num">{count(part.count)}</dd>
                </Fragment>
              ))}
            </dl>
          </div>
          <dl class="facts content-start">
            <dt>What</dt>
            <dd>{targetText(target)}; what comes later does not belong to it</dd>
            <dt>Each</dt>
            <dd>
              {kind === "cancel"
                ? "job is told to end now: its agent leaves the call; what waits does not run"
                : "retry is a new dispatch into the same room, with the same metadata"}
            </dd>
            <dt>Takes</dt>
            <dd>about {duration(takesMs)} at this pace; it can be aborted</dd>
            <dt>
              <label for="pace">Pace</label>
            </dt>
            <dd class="flex items-center gap-2">
              <input
                id="pace"
                class="input input-sm w-20"
                type="number"
                name="pace"
                min="1"
                max={maxItemsPerSecond}
                value={itemsPerSecond}
              />{" "}
              a second at most
            </dd>
          </dl>
        </div>
        <Sample preview={preview} />
        <div class="flex flex-wrap items-center gap-3 border-t border-base-300 px-4 py-3.5">
          <button
            type="submit"
            class={`btn ${kind === "cancel" ? "btn-error" : "btn-primary"}`}
            disabled={!canOperate || eligible === 0}
          >
            {deed(kind, eligible)}
          </button>
          {!canOperate && <span class="text-muted">Your role is viewer: an operator can begin it.</span>}
        </div>
      </form>
    </Panel>
  );
}

function Sample({ preview: { sample, eligible } }: { preview: BulkPreview }) {
  if (sample.length === 0) return null;
  return (
    <>
      <TableRegion label="Some of them">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Room</th>
            <th scope="col">Agent</th>
          </tr>
        </thead>
        <tbody>
          {sample.map(({ dispatchId, room, agent, state }) => (
            <tr key={dispatchId}>
              <td>{state && <State state={state} />}</td>
              <td class="max-w-72 truncate">
                {dispatchId === null ? room : <a class="row-link" href={`/dispatches/${dispatchId}`}>{room}</a>}
              </td>
              <td>{agent}</td>
            </tr>
          ))}
        </tbody>
      </TableRegion>
      {eligible > sample.length && (
        <p class="border-t border-base-300 px-4 py-2.5 text-xs text-muted">
          the first {count(sample.length)} of {count(eligible)} are listed
        </p>
      )}
    </>
  );
}
