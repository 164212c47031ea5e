/** What is wrong right now, the worst first, each with what to do about it. Pure. */
import { firstLine, type Problem } from "./problem.ts";
import { type InstanceElsewhere, problemsElsewhere } from "./problems_elsewhere.ts";

/** Null: unknown. Times in milliseconds. */
export interface ProblemFacts {
  agents: readonly { name: string; state: string; error: string | null; isHosted: boolean }[];
  workers: readonly {
    agent: string;
    state: string;
    sinceMs: number;
    lastError: { explanation: string; remedy: string } | null;
  }[];
  livekit: { state: string; error: string | null; remedy: string | null; circuit: string };
  queue: readonly { agent: string; depth: number; oldestWaitMs: number }[];
  slots: {
    used: number;
    maxJobs: number;
    isAdmitting: boolean;
    limits: readonly { resource: string; used: number | null; limit: number; isReached: boolean }[];
  };
  /** Crash breakers that are not closed. */
  breakers: readonly { agent: string; state: string; failures: number; reason: string | null }[];
  /** Agents that answered TERMINATE and take no new jobs here. */
  stops?: readonly { agent: string; reason: string }[];
  lanes: readonly { agent: string; lastError: string | null }[];
  instances: readonly { id: string; hostname: string; heartbeatAgeMs: number }[];
  /** What the other instances tell of their agents. */
  elsewhere: readonly InstanceElsewhere[];
  databaseMs: number | null;
  /** Errors of Greenroom's own that nothing caught. */
  uncaught: { count: number; lastAtMs: number | null };
  lastHour: { succeeded: number; failed: number };
}

/** A worker may take this long to register before it is a problem. */
const REGISTER_WITHIN_MS = 10_000;
const WAIT_LIMIT_MS = 30_000;
const DATABASE_SLOW_MS = 250;
/** The lease of an instance: architecture.md 7. */
const HEARTBEAT_LIMIT_MS = 8_000;
const FAILURE_SHARE_LIMIT = 0.2;
const FAILURES_MIN = 5;
const UNCAUGHT_SHOWN_MS = 3_600_000;

export function findProblems(facts: ProblemFacts, nowMs: number): Problem[] {
  const found = [
    ...livekitProblems(facts),
    ...databaseProblems(facts),
    ...instanceProblems(facts),
    ...agentProblems(facts),
    ...breakerProblems(facts),
    ...stopProblems(facts),
    ...workerProblems(facts),
    ...capacityProblems(facts),
    ...limitProblems(facts),
    ...failureProblems(facts),
    ...uncaughtProblems(facts, nowMs),
    ...problemsElsewhere(facts.elsewhere, {
      nowMs,
      // As in workerProblems.
      registerWithinMs: facts.livekit.state === "unreachable" ? Infinity : REGISTER_WITHIN_MS,
    }),
  ];
  return found.sort((a, b) => Number(a.severity !== "error") - Number(b.severity !== "error"));
}

function breakerProblems({ breakers }: ProblemFacts): Problem[] {
  return breakers.filter(({ state }) => state !== "closed").map(({ agent, failures, reason }) => ({
    code: "agent_crash_loop",
    severity: "error",
    subject: agent,
    message: `Agent ${agent} crashed ${failures} times in a row (${reason ?? "no reason known"}): its dispatches wait.`,
    remedy: "Fix what its last failures say; one job tries from time to time, and when it serves all go on.",
  }));
}

function stopProblems({ stops = [] }: ProblemFacts): Problem[] {
  return stops.map(({ agent, reason }) => ({
    code: "agent_stopped",
    severity: "error",
    subject: agent,
    message: `Agent ${agent} asked to be stopped on this instance (${reason}): it takes no new jobs here.`,
    remedy: "Mend what it says is wrong with this machine, then uncordon the instance (Workers page or REST).",
  }));
}

function livekitProblems({ livekit }: ProblemFacts): Problem[] {
  if (livekit.state !== "unreachable") return circuitProblems(livekit.circuit);
  return [{
    code: "livekit_unreachable",
    severity: "error",
    subject: null,
    message: `LiveKit can't be reached: ${livekit.error ?? "no answer"}`,
    remedy: livekit.remedy ?? "Check LIVEKIT_URL and that the server runs.",
  }];
}

/** Its health check passes, and other calls do not. */
function circuitProblems(circuit: string): Problem[] {
  if (circuit === "closed") return [];
  return [{
    code: "livekit_circuit_open",
    severity: "error",
    subject: null,
    message: "The last calls to LiveKit's server API failed; until one succeeds most are held back.",
    remedy: "Look into the LiveKit server's log and at its load; one call tries every second.",
  }];
}

function databaseProblems({ databaseMs }: ProblemFacts): Problem[] {
  if (databaseMs === null) {
    return [{
      code: "database_silent",
      severity: "error",
      subject: null,
      message: "The database did not answer the last look at the queue.",
      remedy: "Check that it runs and can be reached; GET /health says what was seen.",
    }];
  }
  if (databaseMs <= DATABASE_SLOW_MS) return [];
  return [{
    code: "database_slow",
    severity: "warn",
    subject: null,
    message: `The database took ${Math.round(databaseMs)} ms for a small query.`,
    remedy: "Look at its load and disk, or give it a machine of its own by DATABASE_URL.",
  }];
}

function instanceProblems({ instances }: ProblemFacts): Problem[] {
  return instances.filter(({ heartbeatAgeMs }) => heartbeatAgeMs > HEARTBEAT_LIMIT_MS).map((instance) => ({
    code: "instance_silent",
    severity: "error",
    subject: instance.hostname,
    message: `Instance ${instance.hostname} (${instance.id.slice(-8)}) has been silent for ${
      seconds(instance.heartbeatAgeMs)
    }.`,
    remedy: "See whether its process and machine are alive; start it again with the same data directory.",
  }));
}

function agentProblems({ agents, lanes }: ProblemFacts): Problem[] {
  const broken = agents.filter(({ isHosted, state }) => isHosted && state === "broken").map((agent): Problem => ({
    code: "agent_broken",
    severity: "error",
    subject: agent.name,
    message: `Agent ${agent.name} does not load: ${firstLine(agent.error ?? "no reason given")}`,
    remedy: "Mend its file and restart; what waits for it then runs by itself.",
  }));
  const failing = lanes.filter(({ lastError }) => lastError !== null).map((lane): Problem => ({
    code: "slots_fail",
    severity: "warn",
    subject: lane.agent,
    message: `Slots of agent ${lane.agent} do not get warm: ${firstLine(lane.lastError ?? "")}`,
    remedy: "See the error, and what the agent does in prewarm; jobs start cold meanwhile.",
  }));
  return [...broken, ...failing.filter(({ subject }) => broken.every((problem) => problem.subject !== subject))];
}

function workerProblems({ workers, livekit }: ProblemFacts): Problem[] {
  // All of them are away then, and one cause is enough.
  if (livekit.state === "unreachable") return [];
  const away = workers.filter(({ state, sinceMs }) =>
    state !== "registered" && state !== "stopped" && sinceMs > REGISTER_WITHIN_MS
  );
  return away.map((worker) => ({
    code: "worker_not_registered",
    severity: "warn",
    subject: worker.agent,
    message: `The worker of agent ${worker.agent} is not registered with LiveKit${
      worker.lastError ? `: ${worker.lastError.explanation}` : ""
    }.`,
    remedy: worker.lastError?.remedy ?? "Greenroom tries by itself; direct placement does not depend on it.",
  }));
}

function capacityProblems({ queue, slots }: ProblemFacts): Problem[] {
  const isFull = slots.used >= slots.maxJobs;
  const waiting = queue.filter(({ oldestWaitMs }) => oldestWaitMs > WAIT_LIMIT_MS).map((row): Problem => ({
    code: "queue_waits",
    severity: "warn",
    subject: row.agent,
    message: `${
      row.depth === 1 ? "1 dispatch waits" : `${row.depth} dispatches wait`
    } for agent ${row.agent}, the oldest for ${seconds(row.oldestWaitMs)}.`,
    remedy: isFull
      ? "Raise MAX_CONCURRENT_JOBS or start another instance."
      : "See why in the dispatch: its agent may be broken, not hosted here, or at its maxJobs.",
  }));
  if (!isFull || !slots.isAdmitting) return waiting;
  return [...waiting, {
    code: "slots_used",
    severity: "warn",
    subject: null,
    message: `All ${slots.maxJobs} slots of this instance are used; new calls wait.`,
    remedy: "Raise MAX_CONCURRENT_JOBS or start another instance.",
  }];
}

const LIMIT_SETTINGS: Record<string, string> = {
  cpu: "GREENROOM_MAX_CPU_PERCENT",
  memory: "GREENROOM_MAX_MEMORY_MB",
  processes: "GREENROOM_MAX_PROCESSES",
  open_files: "GREENROOM_MAX_OPEN_FILES",
};

function limitProblems({ slots: { limits } }: ProblemFacts): Problem[] {
  return limits.filter(({ isReached }) => isReached).map(({ resource }) => ({
    code: "limit_reached",
    severity: "warn",
    subject: null,
    message: `This instance is at its limit of ${resource.replace("_", " ")}, so it takes no new jobs.`,
    remedy: `Raise ${LIMIT_SETTINGS[resource] ?? "the limit"}, or start another instance.`,
  }));
}

function failureProblems({ lastHour: { succeeded, failed } }: ProblemFacts): Problem[] {
  const share = failed / Math.max(1, succeeded + failed);
  if (failed < FAILURES_MIN || share < FAILURE_SHARE_LIMIT) return [];
  return [{
    code: "jobs_fail",
    severity: "warn",
    subject: null,
    message: `${failed} jobs failed in the last hour, ${Math.round(share * 100)} % of those that ended.`,
    remedy: "See them by error on the Recover page.",
  }];
}

function uncaughtProblems({ uncaught: { count, lastAtMs } }: ProblemFacts, nowMs: number): Problem[] {
  if (lastAtMs === null || nowMs - lastAtMs > UNCAUGHT_SHOWN_MS) return [];
  return [{
    code: "uncaught_error",
    severity: "warn",
    subject: null,
    message: `Greenroom itself made ${count === 1 ? "an error" : `${count} errors`} since it started, the last ${
      seconds(nowMs - lastAtMs)
    } ago.`,
    remedy: "It goes on. Please report it, with what its log says.",
  }];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
