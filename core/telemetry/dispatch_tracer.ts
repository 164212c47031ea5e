/**
 * The trace of a dispatch, made from its stamps when it has ended, so that tracing takes no time while a caller waits:
 *
 *   dispatch ── queue wait (request → assigned)
 *      └─ job.process ── slot (→ entered) · connect (→ connected) · ready (→ ready) · run (→ ended) · leave (→ gone)
 *            └─ the agent's own spans
 *
 * The caller's traceparent, if any, is the parent. We hold our own provider: the global one may be taken (OTEL_DENO).
 */
import { type Attributes, type Context, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { AlwaysOnSampler, RandomIdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import type { IdGenerator, SpanProcessor } from "@opentelemetry/sdk-trace";
import { DISPATCH_ID_ATTRIBUTE, JOB_ID_ATTRIBUTE } from "./span_writer.ts";
import { formatTraceparent, spanIdOf, traceIdOf, type TraceParent } from "./trace_ids.ts";

/** A job as far as its trace needs it; stamps in milliseconds since the epoch, null: not reached. */
export interface TracedJob {
  id: string;
  attempt: number;
  jobType: string;
  assignedAt: number | null;
  enteredAt: number | null;
  connectedAt: number | null;
  readyAt: number | null;
  endedAt: number;
  outcome: string;
  endReason: string | null;
  /** Null: it did not fail. */
  failure: string | null;
}

export interface TracedDispatch {
  id: string;
  agent: string;
  room: string;
  priority: string;
  placement: string;
  origin: string;
  requestedAt: number;
  endedAt: number;
  outcome: string;
  failure: string | null;
  job: TracedJob | null;
}

interface Timed {
  name: string;
  from: number;
  to: number;
  spanId?: string;
  failure?: string | null;
}

/** Callers of live jobs; far more than can run. */
const MAX_CALLERS = 20_000;

export class DispatchTracer {
  readonly #provider: TracerProvider;
  readonly #ids = new ChosenIds();
  readonly #callers = new Map<string, TraceParent>();

  constructor(processors: SpanProcessor[]) {
    this.#provider = new TracerProvider({
      sampler: new AlwaysOnSampler(),
      idGenerator: this.#ids,
      spanProcessors: processors,
    });
  }

  /** A job begins: its traceparent, under which the agent's own spans hang. */
  traceparentOf(dispatchId: string, jobId: string, caller: TraceParent | null): string {
    if (caller !== null && this.#callers.size < MAX_CALLERS) this.#callers.set(dispatchId, caller);
    return formatTraceparent({ traceId: traceIdOf(dispatchId, caller), spanId: spanIdOf(jobId) });
  }

  traceIdOf(dispatchId: string): string {
    return traceIdOf(dispatchId, this.#callers.get(dispatchId) ?? null);
  }

  /** A dispatch has ended, with its last job. */
  dispatchEnded(dispatch: TracedDispatch): void {
    const caller = this.#callers.get(dispatch.id) ?? null;
    const traceId = traceIdOf(dispatch.id, caller);
    const attributes: Attributes = {
      [DISPATCH_ID_ATTRIBUTE]: dispatch.id,
      "room.name": dispatch.room,
      agent: dispatch.agent,
    };
    const { priority, placement, origin, job, failure, requestedAt, endedAt } = dispatch;
    const more = { "greenroom.priority": priority, "greenroom.placement": placement, "greenroom.origin": origin };
    const root = { name: "dispatch", from: requestedAt, to: endedAt, spanId: spanIdOf(dispatch.id), failure };
    const parent = caller ? contextOf(caller.traceId, caller.spanId) : ROOT_CONTEXT;
    this.#span(traceId, root, parent, { ...attributes, ...more, "greenroom.outcome": dispatch.outcome });
    if (job) this.#job(traceId, contextOf(traceId, root.spanId), dispatch, job, attributes);
    else {this.#span(
        traceId,
        { name: "queue wait", from: requestedAt, to: endedAt },
        contextOf(traceId, root.spanId),
        attributes,
      );}
  }

  /** The ended job's process is gone; the last that is heard of a dispatch. */
  processGone(
    dispatch: { id: string; agent: string; room: string },
    jobId: string,
    endedAt: number,
    goneAt: number,
  ): void {
    const traceId = this.traceIdOf(dispatch.id);
    const attributes = {
      [DISPATCH_ID_ATTRIBUTE]: dispatch.id,
      [JOB_ID_ATTRIBUTE]: jobId,
      "room.name": dispatch.room,
      agent: dispatch.agent,
    };
    this.#span(traceId, { name: "leave", from: endedAt, to: goneAt }, contextOf(traceId, spanIdOf(jobId)), attributes);
    this.#callers.delete(dispatch.id);
  }

  #job(traceId: string, root: Context, dispatch: TracedDispatch, job: TracedJob, attributes: Attributes): void {
    const { assignedAt, enteredAt, connectedAt, readyAt, endedAt } = job;
    const from = assignedAt ?? dispatch.requestedAt;
    this.#span(traceId, { name: "queue wait", from: dispatch.requestedAt, to: from }, root, attributes);
    const ofJob = { ...attributes, [JOB_ID_ATTRIBUTE]: job.id, "job.type": job.jobType };
    const process = { name: "job.process", from, to: endedAt, spanId: spanIdOf(job.id), failure: job.failure };
    this.#span(traceId, process, root, {
      ...ofJob,
      "greenroom.attempt": job.attempt,
      "greenroom.outcome": job.outcome,
      ...(job.endReason === null ? {} : { "greenroom.end_reason": job.endReason }),
    });
    const parent = contextOf(traceId, process.spanId);
    const stages: [string, number | null, number | null][] = [
      ["slot", from, enteredAt ?? endedAt],
      ["connect", enteredAt, connectedAt],
      ["ready", connectedAt, readyAt],
      ["run", readyAt ?? connectedAt ?? enteredAt, endedAt],
    ];
    for (const [name, start, end] of stages) {
      if (start !== null && end !== null) this.#span(traceId, { name, from: start, to: end }, parent, ofJob);
    }
  }

  #span(
    traceId: string,
    { name, from, to, spanId, failure = null }: Timed,
    parent: Context,
    attributes: Attributes,
  ): void {
    this.#ids.choose(traceId, spanId ?? null);
    const span = this.#provider.getTracer("greenroom").startSpan(name, { startTime: from, attributes }, parent);
    if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    // Clocks are the owner's, but a stamp may come from the child's: never end before the start.
    span.end(Math.max(from, to));
  }
}

/** Gives the next span the ids that were chosen for it; the SDK asks right after, in the same turn. */
class ChosenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #traceId = "";
  #spanId: string | null = null;

  choose(traceId: string, spanId: string | null): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  generateTraceId(): string {
    return this.#traceId;
  }

  generateSpanId(): string {
    return this.#spanId ?? this.#random.generateSpanId();
  }
}

function contextOf(traceId: string, spanId: string): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}
