import assert from "node:assert/strict";
import { type OtherInstance, STALE_MS } from "../../../core/coordination/fleet_directory.ts";
import { otherWorkers, workerReport } from "../../../core/services/fleet_workers.ts";
import { applyEvent, initialSnapshot } from "../../../core/livekit/worker_state.ts";
import { DeclineCounts } from "../../../core/worker/decline_counts.ts";
import type { HostedAgent, WorkerReport } from "../../../db/instance_agents.ts";
import type { WorkerRow } from "../../../db/worker_reads.ts";

const THERE = "there";
const AT = new Date("2026-01-01T10:00:00Z");

function row(id: string, fields: Partial<WorkerRow> = {}): WorkerRow {
  return {
    ...{ id, instanceId: THERE, server: "local", agent: "echo", jobType: "room", livekitWorkerId: "AW_1" },
    ...{ state: "registered", namespace: "", deployment: "", loadRatio: 0.4, lastCloseCode: null, lastError: null },
    ...{ createdAt: AT, changedAt: AT, ...fields },
  };
}

function report(id: string, fields: Partial<WorkerReport> = {}): WorkerReport {
  return {
    ...{ id, refusal: null, offers: { accepted: 1, declined: 0, lapsed: 0 }, declines: [] },
    connection: { state: "registered", since: AT.toISOString(), attempts: 0, lastClose: null, lastError: null },
    ...fields,
  };
}

function there(worker: WorkerReport | null, { ageMs = 900, ...fields }: Partial<HostedAgent & { ageMs: number }> = {}) {
  const agent: OtherInstance["agents"][number] = {
    ...{ agent: "echo", state: "ready", error: null, version: "1", jobType: "room", namespace: "", deployment: "" },
    ...{ maxJobs: null, used: 1, free: 4, warm: 2, isAdmitting: true, worker, ...fields },
    ...{ instanceId: THERE, ageMs, isStale: ageMs > STALE_MS },
  };
  const other: OtherInstance = {
    ...{ instanceId: THERE, hostname: "there", version: "0", state: "running", region: null, isCordoned: false },
    ...{ maxJobs: 20, agents: [agent] },
  };
  return [other];
}

Deno.test("Another instance's worker is shown as that one told of it, with its age", () => {
  const declines = [{ reason: "instance_full", count: 3 }];
  const lastClose = { code: 1006, reason: "", at: AT.toISOString(), explanation: "it hangs", remedy: "look" };
  const connection = { ...report("w").connection, lastClose };
  const [worker] = otherWorkers([row("w")], there(report("w", { refusal: "breaker_open", declines, connection })));
  assert.deepEqual([worker?.instanceId, worker?.ageMs, worker?.isStale], [THERE, 900, false]);
  assert.deepEqual([worker?.status, worker?.loadRatio, worker?.jobCount], ["available", 0.4, 1]);
  assert.deepEqual([worker?.refusal, worker?.declines], ["breaker_open", declines]);
  assert.deepEqual(worker?.connection.lastClose, { ...lastClose, at: AT });
  assert.equal(worker?.connection.state, "registered");
});

Deno.test("What an instance has not repeated in time is unknown of its workers, and so is what it never told", () => {
  const [stale] = otherWorkers([row("w")], there(report("w", { refusal: "breaker_open" }), { ageMs: STALE_MS + 1 }));
  assert.deepEqual([stale?.isStale, stale?.ageMs, stale?.connection.state], [true, STALE_MS + 1, "unknown"]);
  const figures = [stale?.status, stale?.loadRatio, stale?.jobCount, stale?.refusal, stale?.offers, stale?.declines];
  assert.deepEqual(figures, Array(6).fill(null));
  const [silent] = otherWorkers([row("w")], there(null).map((other) => ({ ...other, agents: [] })));
  assert.deepEqual([silent?.isStale, silent?.ageMs, silent?.connection.state], [true, null, "unknown"]);
  assert.deepEqual(otherWorkers([row("w", { instanceId: "gone" })], there(null)), []);
});

Deno.test("A connection whose state is newer than what was told of it is explained from its row", () => {
  const lost = row("w", { state: "reconnecting", lastCloseCode: 1001, lastError: "no answer" });
  const [worker] = otherWorkers([lost], there(report("w")));
  const { state, lastClose, lastError } = worker!.connection;
  assert.deepEqual([state, lastClose?.code, lastClose?.at], ["reconnecting", 1001, null]);
  assert.match(lastClose?.explanation ?? "", /shutting down/);
  assert.deepEqual(lastError, { at: AT, explanation: "no answer", remedy: null });
});

Deno.test("Of two workers of an agent the older one is being replaced", () => {
  const workers = otherWorkers([row("w1"), row("w2"), row("w3")], there(report("w2")));
  assert.deepEqual(workers.map(({ status, refusal }) => [status, refusal]), [
    ["full", "retired"],
    ["available", null],
    ["available", null],
  ]);
});

Deno.test("What the others are told of a worker is short, and fit for the database, whatever agents and servers say", () => {
  const declines = new DeclineCounts();
  for (let i = 0; i < 15; i++) declines.note(`${i}\u0000\ud800${"x".repeat(500)}`, AT.getTime());
  const explanation = { explanation: "e".repeat(9_999), remedy: "r".repeat(9_999) };
  const closed = { kind: "closed", code: 1011, reason: "s".repeat(9_999), explanation } as const;
  const told = workerReport({
    ...{ id: "w", refusal: null, declines },
    offers: { accepted: 1, declined: 15, lapsed: 0, lastDecline: { reason: "y".repeat(9_999), at: AT } },
    snapshot: () => applyEvent(applyEvent(initialSnapshot(AT), closed, AT), { kind: "failed", explanation }, AT),
  }, AT.getTime());
  assert.equal(told.declines.length, 10);
  const text = JSON.stringify(told);
  assert.ok(text.length < 5_000, `${text.length} characters`);
  assert.ok(!text.includes("\\u0000") && !text.includes("\\ud800"), text.slice(0, 300));
  assert.deepEqual([told.connection.lastClose?.code, told.connection.attempts], [1011, 2]);
});
