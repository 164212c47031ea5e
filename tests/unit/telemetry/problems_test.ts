import assert from "node:assert/strict";
import { findProblems as findProblemsAt, type ProblemFacts } from "../../../core/telemetry/problems.ts";
import type { InstanceElsewhere } from "../../../core/telemetry/problems_elsewhere.ts";

const NOW_MS = Date.parse("2026-11-22T12:00:00Z");
const findProblems = (facts: ProblemFacts) => findProblemsAt(facts, NOW_MS);

const FINE: ProblemFacts = {
  agents: [{ name: "echo", state: "ready", error: null, isHosted: true }],
  workers: [{ agent: "echo", state: "registered", sinceMs: 60_000, lastError: null }],
  livekit: { state: "reachable", error: null, remedy: null, circuit: "closed" },
  queue: [{ agent: "echo", depth: 1, oldestWaitMs: 1_000 }],
  slots: { used: 3, maxJobs: 20, isAdmitting: true, limits: [] },
  breakers: [{ agent: "echo", state: "closed", failures: 1, reason: "exit: code 3" }],
  lanes: [{ agent: "echo", lastError: null }],
  instances: [{ id: "01a20219-b6d1-7370-ba5d-43ea08dbbe14", hostname: "here", heartbeatAgeMs: 900 }],
  elsewhere: [{ hostname: "there", agents: [agentElsewhere()] }],
  databaseMs: 2,
  uncaught: { count: 1, lastAtMs: NOW_MS - 3_600_001 },
  lastHour: { succeeded: 100, failed: 1 },
};
const REFUSED = { state: "unreachable", error: "refused", remedy: "start it", circuit: "open" };
const EXPLAINED = { explanation: "refused", remedy: "check the key" };

Deno.test("findProblems finds nothing when all is fine, nor in what is only starting", () => {
  assert.deepEqual(findProblems(FINE), []);
  const starting = { agent: "echo", state: "connecting", sinceMs: 2_000, lastError: null };
  assert.deepEqual(findProblems({ ...FINE, livekit: { ...FINE.livekit, state: "unknown" }, workers: [starting] }), []);
});

const CASES: [code: string, facts: Partial<ProblemFacts>][] = [
  ["agent_broken", { agents: [{ name: "echo", state: "broken", error: "SyntaxError: x\n at y", isHosted: true }] }],
  ["agent_crash_loop", { breakers: [{ agent: "echo", state: "open", failures: 5, reason: "exit: code 3" }] }],
  ["slots_fail", { lanes: [{ agent: "echo", lastError: "prewarm threw" }] }],
  ["worker_not_registered", {
    workers: [{ agent: "echo", state: "reconnecting", sinceMs: 11_000, lastError: EXPLAINED }],
  }],
  ["livekit_unreachable", { livekit: { ...REFUSED } }],
  ["livekit_circuit_open", { livekit: { ...FINE.livekit, circuit: "open" } }],
  ["queue_waits", { queue: [{ agent: "echo", depth: 4, oldestWaitMs: 31_000 }] }],
  ["slots_used", { slots: { used: 20, maxJobs: 20, isAdmitting: true, limits: [] } }],
  ["limit_reached", {
    slots: {
      used: 3,
      maxJobs: 20,
      isAdmitting: true,
      limits: [{ resource: "open_files", used: 900, limit: 800, isReached: true }],
    },
  }],
  ["database_slow", { databaseMs: 400 }],
  ["database_silent", { databaseMs: null }],
  ["instance_silent", { instances: [{ id: "x", hostname: "there", heartbeatAgeMs: 9_000 }] }],
  ["agent_broken", {
    elsewhere: [{ hostname: "there", agents: [agentElsewhere({ state: "broken", error: "x\ny" })] }],
  }],
  ["agent_stopped", { elsewhere: [{ hostname: "there", agents: [refusingElsewhere("agent_stopped")] }] }],
  ["limit_reached", { elsewhere: [{ hostname: "there", agents: [refusingElsewhere("instance_memory")] }] }],
  ["worker_not_registered", {
    elsewhere: [{ hostname: "there", agents: [connectingElsewhere("2026-11-22T11:59:49Z")] }],
  }],
  ["uncaught_error", { uncaught: { count: 2, lastAtMs: NOW_MS - 60_000 } }],
  ["jobs_fail", { lastHour: { succeeded: 10, failed: 5 } }],
];

for (const [code, facts] of CASES) {
  const where = facts.elsewhere ? "elsewhere" : "here";
  Deno.test(`findProblems names ${code} ${where} alone, in one line, with a remedy`, () => {
    const problems = findProblems({ ...FINE, ...facts });
    assert.deepEqual(problems.map((problem) => problem.code), [code]);
    assert.ok(problems.every(({ message, remedy }) => message !== "" && remedy !== "" && !message.includes("\n")));
  });
}

Deno.test("findProblems names LiveKit being away once, not each worker, and the worst first", () => {
  const problems = findProblems({
    ...FINE,
    slots: { used: 20, maxJobs: 20, isAdmitting: true, limits: [] },
    workers: [{ agent: "echo", state: "reconnecting", sinceMs: 60_000, lastError: EXPLAINED }],
    livekit: { ...REFUSED },
    elsewhere: [{ hostname: "there", agents: [connectingElsewhere("2026-11-22T11:00:00Z")] }],
  });
  assert.deepEqual(problems.map(({ code }) => code), ["livekit_unreachable", "slots_used"]);
});

Deno.test("findProblems names what several other instances share once, and is silent about what is stale or just starts", () => {
  const broken = agentElsewhere({ state: "broken", error: "no module" });
  const elsewhere = ["d", "b", "a", "c", "b"].map((hostname) => ({ hostname, agents: [broken] }));
  const [problem, ...rest] = findProblems({ ...FINE, elsewhere });
  assert.deepEqual(rest, []);
  assert.equal(problem?.message, "Agent echo does not load on a, b, c and 1 more: no module");
  const quiet = [
    { ...broken, isStale: true },
    connectingElsewhere("2026-11-22T11:59:55Z"),
    refusingElsewhere("draining"),
  ];
  assert.deepEqual(findProblems({ ...FINE, elsewhere: [{ hostname: "there", agents: quiet }] }), []);
});

type AgentElsewhere = InstanceElsewhere["agents"][number];

function agentElsewhere(change: Partial<AgentElsewhere> = {}): AgentElsewhere {
  const connection = { state: "registered", since: "2026-11-22T10:00:00Z", lastError: null };
  return {
    agent: "echo",
    state: "ready",
    error: null,
    isStale: false,
    worker: { refusal: null, connection },
    ...change,
  };
}

function refusingElsewhere(refusal: string): AgentElsewhere {
  const { worker, ...agent } = agentElsewhere();
  return { ...agent, worker: worker && { ...worker, refusal } };
}

function connectingElsewhere(since: string): AgentElsewhere {
  return agentElsewhere({
    worker: { refusal: null, connection: { state: "reconnecting", since, lastError: EXPLAINED } },
  });
}
