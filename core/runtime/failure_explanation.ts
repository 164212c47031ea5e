/** What a failed job says to the one who reads it: code, message and what to do. */
import type { FailureClass } from "./failure_class.ts";
import type { JobFailure } from "./job_end.ts";

export interface FailureExplanation {
  /** Stable, for programs. */
  code: string;
  message: string;
  remedy: string;
}

const REMEDIES: Record<JobFailure["kind"], string> = {
  exception: "Read the stack in the job's log, fix the agent file, then retry the dispatch.",
  exit:
    "The agent's process ended before its job did: look for Deno.exit or process.exit in the agent and its packages; return from entry instead.",
  signal:
    "Somebody or something killed the agent's process: look for the operating system's out-of-memory killer, native crashes, or an operator; then retry.",
  out_of_memory: "The agent outgrew its memory: look for what it keeps, or give it more; then retry.",
  unresponsive:
    "The agent's event loop was stuck: look for an endless loop or long synchronous work in entry; move it off the loop.",
  connection_lost:
    "The agent could not reach or lost its room: check LIVEKIT_URL, the LiveKit server and the network between them, then retry.",
  not_started:
    "The agent's process ended before entry was called: look at the agent's state in GET /api/v1/agents and at the job's log.",
  instance_lost: "The Greenroom process that ran this job died. Retry the dispatch.",
  shutdown_overrun:
    "The agent did not end within its shutdown grace and was killed: make its shutdown callbacks quicker or raise shutdownGraceMs.",
  deadline_exceeded:
    "The job ran into its time limit: raise the agent's timeoutMs or the metadata's timeout, or let the work end sooner.",
  stage_timed_out_entered:
    "Look at the agent's state in GET /api/v1/agents and at its prewarm, and at the CPU load in GET /api/v1/instances; if it may take longer, raise GREENROOM_ENTERED_TIMEOUT_MS.",
  stage_timed_out_connected:
    "Is LIVEKIT_URL reachable from this instance (GET /health, deno task doctor)? Are the server's UDP ports open to it? Is its CPU overloaded (GET /api/v1/instances)? Does entry call ctx.connect()? If it may take longer, raise GREENROOM_CONNECTED_TIMEOUT_MS.",
  stage_timed_out_ready:
    'With readiness "explicit" the agent says ctx.ready(): see in the job\'s log how far it came, and what it waits for; if it may take longer, raise GREENROOM_READY_TIMEOUT_MS.',
};

/** What other ends say about another try; the rest is for the agent's policy. */
const CLASSES: Partial<Record<JobFailure["kind"], FailureClass>> = {
  connection_lost: "network",
  instance_lost: "retryable",
  stage_timed_out_entered: "retryable",
  stage_timed_out_connected: "retryable",
  stage_timed_out_ready: "retryable",
};

export function explainFailure(failure: JobFailure): FailureExplanation {
  return { code: failure.kind, message: failure.message, remedy: REMEDIES[failure.kind] };
}

/** What to do about a failure of this kind; null for kinds that are not (or no more) known. */
export function remedyOf(kind: string): string | null {
  return Object.hasOwn(REMEDIES, kind) ? REMEDIES[kind as JobFailure["kind"]] : null;
}

/** What the failure says about trying again. */
export function failureClassOf({ kind, class: own }: Pick<JobFailure, "kind" | "class">): FailureClass {
  return own ?? CLASSES[kind] ?? "unknown";
}
