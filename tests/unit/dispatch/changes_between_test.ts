import assert from "node:assert/strict";
import { changesBetween } from "../../../core/dispatch/changes_between.ts";
import type { DispatchView, JobView } from "../../../core/dispatch/dispatch_view.ts";

const NOT_YET = { assignedAt: null, enteredAt: null, connectedAt: null, readyAt: null, endedAt: null };
const at = (second: number) => new Date(second * 1_000).toISOString();

function view(fields: Partial<DispatchView> = {}, stages: Partial<DispatchView["stages"]> = {}): DispatchView {
  const base = { id: "d", state: "queued", waitingReason: null, jobs: [], ...fields };
  return { ...base, stages: { requestedAt: at(0), ...NOT_YET, ...stages } } as unknown as DispatchView;
}

const told = (before: DispatchView | null, after: DispatchView) =>
  changesBetween(before, after).map((change) => change.kind === "stage" ? change.stage : change.kind);

const job = (fields: Partial<JobView> = {}) =>
  ({ id: "j", state: "running", flags: [], ...fields }) as unknown as JobView;
const READY = { assignedAt: at(1), enteredAt: at(2), connectedAt: at(3), readyAt: at(4) };

Deno.test("what was reached in between is told in order, the end last", () => {
  const running = view({ state: "running", jobs: [job()] }, READY);
  assert.deepEqual(told(view(), running), ["assigned", "entered", "connected", "ready"]);
  const ended = view({ state: "succeeded", jobs: [job({ state: "succeeded" })] }, { ...READY, endedAt: at(9) });
  assert.deepEqual(told(running, ended), ["ended"]);
  assert.deepEqual(told(view(), ended), ["assigned", "entered", "connected", "ready", "ended"]);
});

Deno.test("the same view again is no news", () => {
  const running = view({ state: "running", jobs: [job()] }, READY);
  for (const each of [view(), running]) assert.deepEqual(told(each, structuredClone(each)), []);
});

Deno.test("another attempt is told: that it waits, then its own stages", () => {
  const first = view({ state: "running", jobs: [job()] }, READY);
  const lost = job({ state: "failed" });
  const waiting = view({ waitingReason: "retrying", jobs: [lost] });
  assert.deepEqual(told(first, waiting), ["retrying"]);
  const second = view({ state: "running", jobs: [lost, job({ id: "k" })] }, { assignedAt: at(11), enteredAt: at(12) });
  assert.deepEqual(told(waiting, second), ["assigned", "entered"]);
  assert.deepEqual(told(first, second), ["assigned", "entered"]);
});

Deno.test("a reason to wait, a flag and the end of one job among several are told as a change of state", () => {
  assert.deepEqual(told(view(), view({ waitingReason: "cordoned" })), ["waits"]);
  const running = view({ state: "running", jobs: [job()] }, READY);
  assert.deepEqual(told(running, view({ state: "running", jobs: [job({ flags: ["memory_high"] })] }, READY)), [
    "waits",
  ]);
  assert.deepEqual(told(running, view({ state: "running", jobs: [job({ state: "succeeded" })] }, READY)), ["waits"]);
});

Deno.test("of what was unknown its latest change is told", () => {
  assert.deepEqual(told(null, view()), ["requested"]);
  assert.deepEqual(told(null, view({ state: "running", jobs: [job()] }, READY)), ["ready"]);
});
