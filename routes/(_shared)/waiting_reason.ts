/** 504: the wait ran out while the dispatch goes on, with why it has not got further. */
import type { DispatchView } from "../../core/dispatch/dispatch_view.ts";
import { problem } from "./problem.ts";

const WAITING: Record<string, { detail: string; remedy: string }> = {
  agent_not_hosted: {
    detail: "No running instance hosts this agent now.",
    remedy: "Start an instance with the agent's file in its agents folder; the dispatch then runs by itself.",
  },
  agent_broken: {
    detail: "The agent's file does not load.",
    remedy:
      "See its error in GET /api/v1/agents, mend the file and restart (under deno task dev it is taken over at once); the dispatch then runs by itself.",
  },
  agent_loading: {
    detail: "The agent is still being loaded.",
    remedy: "Wait a moment; the dispatch then runs by itself.",
  },
  agent_stopped: {
    detail: "The agent asked for no more jobs on the instance that hosts it (recovery.decide answered TERMINATE).",
    remedy: "See `stopped` in GET /api/v1/agents; mend the machine and uncordon the instance, or start another one.",
  },
  breaker_open: {
    detail: "The agent crashed too often in a row: nothing of it starts until one job that tries has served.",
    remedy: "Look at its last failures (GET /api/v1/agents, `breaker`) and fix it; the dispatch runs by itself then.",
  },
  not_taken_by_livekit: {
    detail: "LiveKit would give the job to nobody (why: see its history); it waits in our own queue for a slot.",
    remedy: "Wait for a job to end, or raise MAX_CONCURRENT_JOBS or the agent's maxJobs; the dispatch runs by itself.",
  },
  retrying: {
    detail: "Its job failed, and another attempt waits for its time or for a slot.",
    remedy: "See the jobs of the dispatch for what failed; it goes on by itself.",
  },
  livekit_unreachable: {
    detail: "The LiveKit server can't be reached.",
    remedy: "Check LIVEKIT_URL and the server (GET /health says what was seen); the dispatch runs when it is back.",
  },
  cordoned: {
    detail: "The instance that hosts this agent is cordoned: it takes no new jobs.",
    remedy: "Uncordon it, or start another instance.",
  },
  draining: {
    detail: "The instance that hosts this agent takes no new jobs, because it is being drained.",
    remedy: "Uncordon it, or start another instance; the dispatch then runs by itself.",
  },
  instance_cpu: limited("CPU", "GREENROOM_MAX_CPU_PERCENT"),
  instance_memory: limited("memory", "GREENROOM_MAX_MEMORY_MB"),
  instance_processes: limited("processes", "GREENROOM_MAX_PROCESSES"),
  instance_open_files: limited("open files", "GREENROOM_MAX_OPEN_FILES"),
};

function limited(resource: string, env: string): { detail: string; remedy: string } {
  return {
    detail: `The instance is at its limit of ${resource}, so it takes no new jobs.`,
    remedy: `Wait for jobs to end, raise ${env}, or start another instance; GET /api/v1/instances shows the limits.`,
  };
}

const NO_SLOT = {
  detail: "All slots are taken; the dispatch waits in the queue.",
  remedy: "Wait for a job to end, raise MAX_CONCURRENT_JOBS or the agent's maxJobs, or start another instance.",
};

export function waitingProblem(dispatch: DispatchView): Response {
  const { code, detail, remedy } = explain(dispatch);
  return problem({
    status: 504,
    code,
    title: "The wait ran out; the dispatch goes on",
    detail,
    remedy,
    members: { dispatch },
  });
}

function explain(dispatch: DispatchView): { code: string; detail: string; remedy: string } {
  if (dispatch.state === "queued") {
    if (dispatch.waitingReason === "waiting_for_participant") {
      return {
        code: dispatch.waitingReason,
        detail: "LiveKit has the dispatch, and starts a job when a participant comes (or publishes, for such agents).",
        remedy: "Join the room; the agent then comes by itself.",
      };
    }
    if (dispatch.placement === "livekit") {
      return {
        code: "waiting_for_livekit",
        detail: "LiveKit's server has not assigned the job yet.",
        remedy:
          "See GET /api/v1/workers for the state of the agent's worker; placement direct does not need the server's choice.",
      };
    }
    if (dispatch.scheduledAt !== null && Date.parse(dispatch.scheduledAt) > Date.now()) {
      return {
        code: "scheduled",
        detail: `It starts at ${dispatch.scheduledAt}, as it was asked for.`,
        remedy: "Ask with wait=none, and follow it later.",
      };
    }
    const reason = dispatch.waitingReason;
    return { code: reason ?? "no_free_slot", ...(reason === null ? NO_SLOT : WAITING[reason] ?? NO_SLOT) };
  }
  const { enteredAt, connectedAt } = dispatch.stages;
  const stage = connectedAt
    ? "connected but has not said that it is ready"
    : enteredAt
    ? "entered but has not connected"
    : "not been entered";
  return {
    code: "not_ready_in_time",
    detail: `The agent has ${stage}.`,
    remedy: "See the job's log, GET /api/v1/jobs/{id}/logs, or wait longer with waitMs.",
  };
}
