/** Between dispatches and their traces: views become what the tracer takes, messages of agents become spans. */
import type { SpanRecord } from "../../db/spans.ts";
import type { SpanMessage } from "../runtime/messages.ts";
import { storableText } from "../runtime/slot_reports.ts";
import type { DispatchTracer, TracedDispatch, TracedJob } from "../telemetry/dispatch_tracer.ts";
import type { SpanWriter } from "../telemetry/span_writer.ts";
import { parseTraceparent } from "../telemetry/trace_ids.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";
import type { JobTracing } from "./job_starter.ts";

/** A child's clock is this machine's; one that is further off than this is not believed. */
const MAX_CLOCK_SKEW_MS = 86_400_000;

export function jobTracing(tracer: DispatchTracer, writer: SpanWriter, instanceId: string): JobTracing {
  return {
    traceparentOf: (job, caller) => tracer.traceparentOf(job.dispatchId, job.id, parseTraceparent(caller)),
    span: (job, message) => {
      const span = agentSpan(job, message, tracer.traceIdOf(job.dispatchId), instanceId, Date.now());
      if (span) writer.add(span);
    },
    gone: (job) => {
      const { dispatchId: id, agent, room, stages } = job;
      const goneAt = Date.now();
      tracer.processGone({ id, agent, room }, job.id, millis(stages.endedAt) ?? goneAt, goneAt);
    },
  };
}

/** `nowMs` stands for the end of what has not ended. */
export function tracedDispatch(
  view: DispatchView,
  jobTypeOf: (agent: string) => string,
  nowMs: number,
): TracedDispatch {
  const { id, agent, room, priority, placement, origin, stages, state, failure } = view;
  const job = view.jobs.at(-1);
  return {
    ...{ id, agent, room, priority, placement, origin },
    requestedAt: Date.parse(stages.requestedAt),
    endedAt: millis(stages.endedAt) ?? nowMs,
    outcome: state,
    failure: failure?.message ?? null,
    job: job ? tracedJob(job, jobTypeOf(agent), nowMs) : null,
  };
}

function tracedJob(job: JobView, jobType: string, nowMs: number): TracedJob {
  const { id, attempt, stages, state, endReason, failure } = job;
  return {
    ...{ id, attempt, jobType, endReason },
    assignedAt: millis(stages.assignedAt),
    enteredAt: millis(stages.enteredAt),
    connectedAt: millis(stages.connectedAt),
    readyAt: millis(stages.readyAt),
    endedAt: millis(stages.endedAt) ?? nowMs,
    outcome: state,
    failure: failure?.message ?? null,
  };
}

/** Null when its times can't be true. Texts of user code are made storable by the statement. */
function agentSpan(
  job: JobView,
  message: SpanMessage,
  traceId: string,
  instanceId: string,
  nowMs: number,
): SpanRecord | null {
  if (Math.abs(message.at - nowMs) > MAX_CLOCK_SKEW_MS || message.durationMs > MAX_CLOCK_SKEW_MS) return null;
  return {
    ...{ traceId, spanId: message.spanId, parentSpanId: message.parentSpanId, instanceId },
    name: storableText(message.name),
    kind: "internal",
    startedAt: new Date(message.at).toISOString(),
    durationUs: Math.round(message.durationMs * 1000),
    status: message.status,
    statusMessage: message.statusMessage ?? null,
    attributes: message.attributes ?? null,
    events: null,
    dispatchId: job.dispatchId,
    jobId: job.id,
  };
}

function millis(stamp: string | null): number | null {
  return stamp === null ? null : Date.parse(stamp);
}
