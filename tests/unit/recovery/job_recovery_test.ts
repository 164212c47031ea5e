import assert from "node:assert/strict";
import type { AttemptRow } from "../../../db/attempts.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { JobRecovery } from "../../../core/recovery/job_recovery.ts";
import { type FailedAttempt, RecoveryAdvisor } from "../../../core/recovery/recovery_advisor.ts";
import type { RecoveryDecision } from "../../../core/recovery/decide_recovery.ts";
import type { AgentEntry } from "../../../core/runtime/agent_catalog.ts";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import type { JobPlan } from "../../../core/runtime/job_runner.ts";
import type { NewLoss } from "../../../db/losses.ts";
import { agentEntry } from "../../support/dispatch_fixture.ts";
import { FakeRoom } from "../../support/fake_room.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const KILLED: JobEnd = {
  outcome: "failed",
  endReason: "process_gone",
  failure: { kind: "signal", message: "killed", signal: "SIGKILL" },
};
const THREW: JobEnd = {
  outcome: "failed",
  endReason: "entry_threw",
  failure: { kind: "exception", message: "no", class: "unknown" },
};
const RETRY = { action: "RETRY", notBefore: null, reason: "attempt 2 of 3" } as const;

function planOf(changes: Partial<JobPlan> = {}): JobPlan {
  const key = { jobId: uuidv7(NOW.getTime()), dispatchId: uuidv7(NOW.getTime() - 60_000), leaseToken: "lease" };
  const base = { attempt: 1, agent: "echo", room: "room", triggeringParticipant: null, livekit: null };
  return { key, participantIdentity: `agent-${key.jobId}`, ...base, ...changes } as JobPlan;
}

function recoveryOf(decision: RecoveryDecision = RETRY) {
  const room = new FakeRoom();
  const losses: Omit<NewLoss, "id">[] = [];
  const asked: FailedAttempt[] = [];
  const stopped: string[] = [];
  const recovery = new JobRecovery({
    advisor: {
      decide: (failed) => {
        asked.push(failed);
        return Promise.resolve(decision);
      },
    },
    losses: { lost: (loss) => void losses.push(loss) },
    breakers: { ended: () => {} },
    stops: { stop: (agent, reason) => void stopped.push(`${agent}: ${reason}`) },
    ...{ api: room, server: "test", logger: silentLogger },
  });
  return { recovery, room, losses, asked, stopped };
}

Deno.test("A job whose process died is removed from its room before its dispatch waits for the next attempt", async () => {
  const { recovery, room, losses, asked } = recoveryOf();
  const plan = planOf();
  room.addHuman("anna");
  room.addAgent(plan.participantIdentity);
  assert.deepEqual(await recovery.decideNext(plan, KILLED, NOW), { kind: "retry", notBefore: null });
  assert.deepEqual(room.removed, [plan.participantIdentity]);
  assert.deepEqual([losses[0]?.cause, losses[0]?.wasHumanThere, losses[0]?.lostAt], ["signal", true, NOW]);
  assert.deepEqual([asked[0]?.jobId, asked[0]?.attempt], [plan.key.jobId, 1]);
});

Deno.test("A job that never joined a room with nobody in it lost nothing there; one that had joined did", async () => {
  const { recovery, losses } = recoveryOf();
  await recovery.decideNext(planOf(), KILLED, NOW);
  assert.deepEqual(losses, []);
  const joined = planOf();
  await recovery.joined(joined);
  await recovery.decideNext(joined, KILLED, NOW);
  assert.deepEqual(losses.map(({ jobId, wasHumanThere }) => [jobId, wasHumanThere]), [[joined.key.jobId, false]]);
});

Deno.test("An agent whose entry threw leaves its room by itself", async () => {
  const { recovery, room } = recoveryOf();
  const plan = planOf();
  room.addAgent(plan.participantIdentity);
  assert.equal((await recovery.decideNext(plan, THREW, NOW)).kind, "retry");
  assert.deepEqual(room.removed, []);
});

Deno.test("LiveKit that is away holds no recovery up", async () => {
  const { recovery, room } = recoveryOf();
  room.isReachable = false;
  assert.equal((await recovery.decideNext(planOf(), KILLED, NOW)).kind, "retry");
});

Deno.test("A dispatch ends with its job that succeeded, was cancelled, or must not be tried again", async () => {
  const { recovery, asked } = recoveryOf({ action: "SKIP", reason: "no" });
  for (const outcome of ["succeeded", "cancelled"] as const) {
    assert.deepEqual(await recovery.decideNext(planOf(), { outcome, endReason: "x" as "drain" }, NOW), {
      kind: "final",
    });
  }
  assert.equal(asked.length, 0);
  assert.deepEqual(await recovery.decideNext(planOf(), KILLED, NOW), { kind: "final" });
});

Deno.test("TERMINATE ends the dispatch and stops the agent on this instance; SKIP only ends it; both clear the room", async () => {
  for (const action of ["TERMINATE", "SKIP"] as const) {
    const { recovery, room, stopped } = recoveryOf({ action, reason: "said so" });
    const plan = planOf();
    room.addAgent(plan.participantIdentity);
    assert.deepEqual(await recovery.decideNext(plan, KILLED, NOW), { kind: "final" });
    assert.deepEqual(stopped, action === "TERMINATE" ? ["echo: signal: killed"] : []);
    assert.deepEqual(room.removed, [plan.participantIdentity]);
  }
});

Deno.test("A dispatch of which LiveKit starts a job per participant goes on whatever becomes of one", async () => {
  const { recovery } = recoveryOf();
  const standing = planOf({ isStanding: true, triggeringParticipant: "anna" });
  for (const end of [KILLED, { outcome: "succeeded", endReason: "entry_returned" } as const]) {
    assert.deepEqual(await recovery.decideNext(standing, end, NOW), { kind: "none" });
  }
});

Deno.test("An attempt that joins removes earlier ones of its dispatch and participant, and no others", async () => {
  const { recovery, room } = recoveryOf();
  const plan = planOf({ attempt: 2 });
  const { dispatchId } = plan.key;
  const agent = (identity: string, dispatch: string, attempt: number, more = {}) =>
    room.addAgent(identity, { "greenroom.dispatch": dispatch, "greenroom.attempt": String(attempt), ...more });
  agent(plan.participantIdentity, dispatchId, 2);
  agent("older", dispatchId, 1);
  agent("other-participant", dispatchId, 1, { "greenroom.for": "anna" });
  agent("other-dispatch", uuidv7(), 1);
  agent("newer", dispatchId, 3);
  room.addHuman("bob");
  await recovery.joined(plan);
  assert.deepEqual(room.removed, ["older"]);
});

function advisorOf(
  hooks: Partial<Record<"decide" | "onRecoveryAttempt", unknown>>,
  attempts: () => Promise<AttemptRow[]> = () => Promise.resolve([]),
  livekitReachableForMs = () => 3_600_000,
): RecoveryAdvisor {
  const has = Object.fromEntries(Object.keys(hooks).map((name) => [name, true]));
  const recovery = { maxAttempts: null, maxAgeMs: null, backoff: { firstMs: null, factor: null, maxMs: null } };
  const hook = (name: "decide") =>
    Promise.resolve(
      name in hooks && hooks[name] !== undefined ? { ok: true, value: hooks[name] } : { ok: false, reason: "late" },
    );
  const agent = agentEntry("echo", { descriptor: { hooks: has, recovery } as never, hook: hook as AgentEntry["hook"] });
  const settings = { recoveryMaxAttempts: 3, recoveryMaxAgeMs: 3_600_000, recoveryStableMs: 60_000 };
  const catalog = { find: () => agent };
  return new RecoveryAdvisor({ catalog, settings, attempts, livekitReachableForMs, logger: silentLogger });
}

const FAILED: FailedAttempt = {
  ...{ agent: "echo", dispatchId: "d", jobId: "j", room: "room", attempt: 1 },
  failure: { kind: "signal", message: "killed" },
};

for (
  const [what, hooks, action] of [
    ["advises to stop", { decide: "SKIP" }, "SKIP"],
    ["advises to wait", { decide: "BACKOFF" }, "BACKOFF"],
    ["gives no advice in time", { decide: undefined }, "RETRY"],
    ["refuses the next attempt", { onRecoveryAttempt: false }, "SKIP"],
    ["allows the next attempt", { onRecoveryAttempt: true }, "RETRY"],
    ["has no hooks", {}, "RETRY"],
  ] as const
) {
  Deno.test(`RecoveryAdvisor decides ${action} when the agent ${what}`, async () => {
    assert.equal((await advisorOf(hooks).decide(FAILED, NOW)).action, action);
  });
}

Deno.test("RecoveryAdvisor gives up an agent that fails again and again, not one that served between its failures", async () => {
  const seconds = (ago: number) => new Date(NOW.getTime() - ago * 1_000);
  const attempts = (readyFor: number) => () =>
    Promise.resolve([3, 2, 1].map((attempt): AttemptRow => ({
      ...{ jobId: attempt === 3 ? "j" : `${attempt}`, state: "failed", createdAt: seconds(readyFor + 1) },
      ...{ readyAt: seconds(readyFor), endedAt: NOW },
    })));
  const third = { ...FAILED, attempt: 3 };
  assert.deepEqual(await advisorOf({}, attempts(10)).decide(third, NOW), {
    action: "SKIP",
    reason: "all 3 attempts in a row failed",
  });
  assert.equal((await advisorOf({}, attempts(7_000)).decide(third, NOW)).action, "RETRY");
  // Lost with LiveKit's server, however soon: not the agent's fault.
  const lost = { ...third, failure: { kind: "connection_lost", message: "gave up" } } as const;
  const decided = async (reachableForMs: number) =>
    (await advisorOf({}, attempts(10), () => reachableForMs).decide(lost, NOW)).action;
  assert.deepEqual([await decided(0), await decided(59_999), await decided(60_000)], ["RETRY", "RETRY", "SKIP"]);
});

Deno.test("RecoveryAdvisor counts by the attempt's own number while the database is away", async () => {
  const away = () => Promise.reject(new Error("away"));
  assert.equal((await advisorOf({}, away).decide({ ...FAILED, attempt: 2 }, NOW)).action, "BACKOFF");
  assert.equal((await advisorOf({}, away).decide({ ...FAILED, attempt: 3 }, NOW)).action, "SKIP");
});
