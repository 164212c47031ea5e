/** The end of a job that others saw lost (its instance is dead, its room silent), and what becomes of its dispatch. */
import type { Database } from "../../db/client.ts";
import { applyJobChanges, type NextStep } from "../../db/job_changes.ts";
import type { JobKey } from "../../db/job_key.ts";
import { explainFailure } from "../runtime/failure_explanation.ts";
import { failureFingerprint } from "../runtime/failure_fingerprint.ts";
import type { JobFailure } from "../runtime/job_end.ts";
import type { RecoveryDecision } from "./decide_recovery.ts";

export interface LostJobEnd {
  /** Absent: failed. */
  state?: "failed" | "cancelled";
  failure: JobFailure;
  /** What the failure says about trying again. */
  failureClass: "retryable" | "network";
  endReason: string;
  next: NextStep;
  at: Date;
  /** When people were last seen with it, if that is known now. */
  humanSeenAt: Date | null;
}

/** Written under the owner's lease token. False when the job has moved on. Throws what the database throws. */
export async function endLostJob(
  database: Database,
  instanceId: string,
  job: JobKey,
  { state = "failed", failure, failureClass, endReason, next, at, humanSeenAt }: LostJobEnd,
): Promise<boolean> {
  const columns = { ...explainFailure(failure), kind: failure.kind, fingerprint: failureFingerprint(failure) };
  const [isEnded] = await applyJobChanges(database, [{
    ...{
      kind: "ended",
      job,
      changeId: crypto.randomUUID(),
      actor: `instance:${instanceId}`,
      cause: endReason,
      at,
      next,
    },
    end: {
      state,
      endReason,
      failure: { ...columns, stack: null, exitCode: null, signal: null, class: failureClass, retryAfterMs: null },
      ...{ flags: [], resources: null, humanSeenAt },
    },
  }]);
  return isEnded ?? false;
}

/** A dispatch of which LiveKit starts a job per participant goes on whatever becomes of one. */
export function nextStepOf(decided: RecoveryDecision, isStanding: boolean): NextStep {
  if (isStanding) return { kind: "none" };
  if (decided.action === "SKIP" || decided.action === "TERMINATE") return { kind: "final" };
  return { kind: "retry", notBefore: decided.notBefore };
}
