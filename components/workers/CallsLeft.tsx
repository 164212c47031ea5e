/** The calls that an instance still has while it drains, with when they should end. */
import { Empty } from "../Empty.tsx";
import { duration, plural, stopwatch } from "../format.ts";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { Unknown } from "../Unknown.tsx";
import { type Act, ActionForm } from "./InstanceActions.tsx";
import { predictEmpty, predictEnd } from "./predictions.ts";
import type { ClosedCall, ClosedInstance } from "./types.ts";

const MORE_MINUTES = 30;
const MS_PER_MINUTE = 60_000;

export function CallsLeft({ name, calls, nowMs }: { name: string; calls: readonly ClosedCall[]; nowMs: number }) {
  if (calls.length === 0) {
    return <Empty title={`${name} has no call left`}>It stays idle until it takes calls again.</Empty>;
  }
  return (
    <TableRegion label={`Calls left on ${name}`}>
      <thead>
        <tr>
          <th scope="col">Call left</th>
          <th scope="col" class="max-md:hidden">Agent</th>
          <th scope="col" class="num">Lasts</th>
          <th scope="col" class="num">Should end</th>
          <th scope="col" class="max-md:hidden">Why</th>
        </tr>
      </thead>
      <tbody>{calls.map((call) => <Row key={call.jobId} call={call} nowMs={nowMs} />)}</tbody>
    </TableRegion>
  );
}

function Row({ call, nowMs }: { call: ClosedCall; nowMs: number }) {
  const { endsAtMs, why } = predictEnd(call, nowMs);
  return (
    <tr>
      <td>
        <a class="row-link font-semibold" href={`/dispatches/${call.dispatchId}`}>{call.room}</a>
      </td>
      <td class="max-md:hidden">{call.agent}</td>
      <td class="num">{stopwatch(nowMs - Date.parse(call.since))}</td>
      <td class="num">{endsAtMs === null ? <Unknown why={why} /> : <Time at={new Date(endsAtMs)} />}</td>
      <td class="text-muted max-md:hidden">{why}</td>
    </tr>
  );
}

/** Deadline, prediction and who wanted it. `form` is null for those who may only look. */
export function ClosedFacts(
  { closed, nowMs, form }: {
    closed: ClosedInstance;
    nowMs: number;
    form: { id: string; csrf: string; onAct: Act } | null;
  },
) {
  const { cordonedAt, by, deadlineAt, calls } = closed;
  const leftMs = deadlineAt === null ? null : Date.parse(deadlineAt) - nowMs;
  return (
    <dl class="facts mt-4">
      {deadlineAt !== null && leftMs !== null && calls.length > 0 && (
        <>
          <dt>Deadline</dt>
          <dd>
            {leftMs <= 0 ? "over, its calls are being ended" : (
              <>
                <Time at={deadlineAt} />, in {duration(leftMs)}
              </>
            )}
            {form && leftMs > 0 && (
              <ActionForm {...form} action="drain" class="inline">
                <input type="hidden" name="minutes" value={String(leftMs / MS_PER_MINUTE + MORE_MINUTES)} />{" "}
                <button type="submit" class="link-quiet cursor-pointer">Give it {MORE_MINUTES} min more</button>
              </ActionForm>
            )}
          </dd>
          <dt>Predicted</dt>
          <dd>
            <Predicted calls={calls} deadlineMs={Date.parse(deadlineAt)} nowMs={nowMs} />
          </dd>
        </>
      )}
      <dt>{deadlineAt === null ? "Cordoned" : "Asked"}</dt>
      <dd>
        <Time at={cordonedAt} nowMs={nowMs} />
        {by !== null && ` by ${by}`}
      </dd>
    </dl>
  );
}

function Predicted({ calls, deadlineMs, nowMs }: { calls: readonly ClosedCall[]; deadlineMs: number; nowMs: number }) {
  const emptyMs = predictEmpty(calls, nowMs);
  const late = calls.filter((call) => (predictEnd(call, nowMs).endsAtMs ?? 0) > deadlineMs).length;
  if (late > 0) return <>{plural(late, "call")} would be ended by the deadline</>;
  if (emptyMs === null) return <Unknown why="not every call has a usual length to go by" />;
  return (
    <>
      empty at <Time at={new Date(emptyMs)} />, {duration(deadlineMs - emptyMs)} early
    </>
  );
}
