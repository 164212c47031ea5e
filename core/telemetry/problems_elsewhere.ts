/** What is wrong on the other instances, as they last told it: the same on several of them is one problem. Pure. */
import { firstLine, type Problem } from "./problem.ts";

/** Another instance and the agents that it hosts; what it has not repeated in time (`isStale`) says nothing. */
export interface InstanceElsewhere {
  hostname: string;
  agents: readonly {
    agent: string;
    state: string;
    error: string | null;
    isStale: boolean;
    worker: {
      /** Why it takes no job now: core/capacity/admission.ts, Refusal. */
      refusal: string | null;
      /** `since` in ISO 8601. */
      connection: { state: string; since: string; lastError: { explanation: string; remedy: string } | null };
    } | null;
  }[];
}

interface Found extends Omit<Problem, "message"> {
  message: (hosts: string) => string;
}

/** Named of those that have the same problem. */
const MAX_HOSTS = 3;

/** @param registerWithinMs a worker may take this long before it is a problem. */
export function problemsElsewhere(
  instances: readonly InstanceElsewhere[],
  { nowMs, registerWithinMs }: { nowMs: number; registerWithinMs: number },
): Problem[] {
  const found = new Map<string, { problem: Found; hosts: Set<string> }>();
  for (const { hostname, agents } of instances) {
    for (const agent of agents.filter(({ isStale }) => !isStale)) {
      const problem = problemOf(agent, nowMs - registerWithinMs);
      if (!problem) continue;
      const key = `${problem.code} ${problem.subject} ${problem.message("")}`;
      const known = found.get(key) ?? { problem, hosts: new Set() };
      known.hosts.add(hostname);
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ problem, hosts }) => ({ ...problem, message: problem.message(inWords(hosts)) }));
}

function problemOf(
  { agent, state, error, worker }: InstanceElsewhere["agents"][number],
  registeredBeforeMs: number,
): Found | null {
  if (state === "broken") {
    return {
      ...{ code: "agent_broken", severity: "error", subject: agent },
      message: (hosts) => `Agent ${agent} does not load on ${hosts}: ${firstLine(error ?? "no reason given")}`,
      remedy: "Mend its file there; what waits for it runs where it loads.",
    };
  }
  if (worker === null) return null;
  const { refusal, connection } = worker;
  if (refusal === "agent_stopped") {
    return {
      ...{ code: "agent_stopped", severity: "error", subject: agent },
      message: (hosts) => `Agent ${agent} asked to be stopped on ${hosts}: it takes no new jobs there.`,
      remedy: "See the reason in the log there, mend it, then uncordon the instance (Workers page or REST).",
    };
  }
  const limit = /^instance_(cpu|memory|processes|open_files)$/.exec(refusal ?? "")?.[1];
  if (limit) {
    return {
      ...{ code: "limit_reached", severity: "warn", subject: null },
      message: (hosts) => `No new jobs on ${hosts}, which reached a limit of ${limit.replace("_", " ")}.`,
      remedy: "Raise the limit there, or start another instance.",
    };
  }
  const isAway = !["registered", "stopped"].includes(connection.state) &&
    Date.parse(connection.since) < registeredBeforeMs;
  return isAway
    ? {
      ...{ code: "worker_not_registered", severity: "warn", subject: agent },
      message: (hosts) =>
        `The worker of agent ${agent} on ${hosts} is not registered with LiveKit${
          connection.lastError ? `: ${firstLine(connection.lastError.explanation)}` : ""
        }.`,
      remedy: connection.lastError?.remedy ??
        "That instance tries by itself; direct placement does not depend on it.",
    }
    : null;
}

function inWords(hosts: ReadonlySet<string>): string {
  const names = [...hosts].sort();
  const rest = names.length - MAX_HOSTS;
  return names.slice(0, MAX_HOSTS).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
