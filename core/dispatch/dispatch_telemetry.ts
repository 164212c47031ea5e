/** From changes of a dispatch to what is counted about jobs. Called amid a dispatch, so it only adds up. */
import type { JobMetrics, ReachedStage, StageSpan } from "../telemetry/job_metrics.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";
import type { DispatchChange } from "./dispatch_updates.ts";

export function countDispatchChange(metrics: JobMetrics, view: DispatchView, change: DispatchChange): void {
  const job = view.jobs.at(-1);
  if (!job) return;
  if (change.kind === "stage") return countStage(metrics, view, job, change.stage);
  const isOver = change.kind === "ended" || change.kind === "retrying";
  if (!isOver || job.state === "created" || job.state === "assigned" || job.state === "running") return;
  const { assignedAt, requestedAt, endedAt } = job.stages;
  metrics.ended(job.agent, job.state, elapsedMs(assignedAt ?? requestedAt, endedAt) ?? 0);
}

function countStage(metrics: JobMetrics, view: DispatchView, job: JobView, stage: "entered" | "connected" | "ready") {
  const { stages, agent } = job;
  const count = (span: StageSpan, ms: number | null) => ms === null ? undefined : metrics.stage(agent, span, ms);
  const reached = (which: ReachedStage, at: string | null) => {
    const ms = elapsedMs(view.stages.requestedAt, at);
    if (ms !== null && job.attempt === 1) metrics.reached(agent, which, ms);
  };
  if (stage === "entered") {
    metrics.started(agent);
    count("queue", elapsedMs(view.stages.requestedAt, stages.assignedAt));
    count("entry", elapsedMs(stages.assignedAt, stages.enteredAt));
    reached("assigned", stages.assignedAt);
    reached("entered", stages.enteredAt);
  } else if (stage === "connected") {
    count("connect", elapsedMs(stages.enteredAt, stages.connectedAt));
    reached("connected", stages.connectedAt);
  } else {
    count("ready", elapsedMs(stages.connectedAt, stages.readyAt));
    // Of a later attempt it would tell how long the first one lived.
    if (job.attempt === 1) count("request_to_ready", elapsedMs(view.stages.requestedAt, stages.readyAt));
  }
}

function elapsedMs(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from));
}
