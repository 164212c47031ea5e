/**
 * Takes finished spans (from the OpenTelemetry SDK as its processor, or made elsewhere) and writes them in batches. Bounded:
 * when more wait than MAX_BUFFERED, the oldest are dropped and counted. A batch that can't be written is tried again.
 */
import { type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Database } from "../../db/client.ts";
import { insertSpans, type SpanRecord } from "../../db/spans.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";

export interface SpanWriterOptions {
  database: Database;
  instanceId: string;
  logger: Logger;
  maxBuffered?: number;
}

const MAX_BUFFERED = 20_000;
const FLUSH_EVERY_MS = 250;
const BATCH_SPANS = 1_000;
/** Postgres needs a core for about 19,000 spans a second, so two connections write a flood. */
const BATCHES_AT_ONCE = 2;

/** Attributes that are columns too. */
export const DISPATCH_ID_ATTRIBUTE = "greenroom.dispatch";
export const JOB_ID_ATTRIBUTE = "job.id";

export class SpanWriter implements Service, SpanProcessor {
  readonly name = "spans";
  /** Spans that found no room. */
  dropped = 0;
  readonly #options: SpanWriterOptions;
  #buffer: SpanRecord[] = [];
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: SpanWriterOptions) {
    this.#options = options;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.add(recordOf(span, this.#options.instanceId));
  }

  add(span: SpanRecord): void {
    const { maxBuffered = MAX_BUFFERED } = this.#options;
    this.#buffer.push(span);
    if (this.#buffer.length <= maxBuffered) return;
    // A tenth at once: shifting one by one would cost more than writing.
    const surplus = this.#buffer.length - maxBuffered + Math.floor(maxBuffered / 10);
    this.#buffer = this.#buffer.slice(surplus);
    this.dropped += surplus;
  }

  /** Writes what is buffered. Never rejects. */
  forceFlush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush()).catch((error) => {
      const { length: buffered } = this.#buffer;
      this.#options.logger.warn("could not write spans; they are kept and tried again", { error, buffered });
    });
    return this.#flushing;
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.error("span flush failed", { error });
    const task = () => this.#buffer.length > 0 ? this.forceFlush() : undefined;
    await runEvery({ everyMs: FLUSH_EVERY_MS, signal, task, onError });
    await this.forceFlush();
  }

  async #flush(): Promise<void> {
    while (this.#buffer.length > 0) {
      const taken = this.#buffer.slice(0, BATCH_SPANS * BATCHES_AT_ONCE);
      const batches = Array.from(
        { length: Math.ceil(taken.length / BATCH_SPANS) },
        (_, n) => taken.slice(n * BATCH_SPANS, (n + 1) * BATCH_SPANS),
      );
      // When one fails all are tried again; what is there already stays as it is.
      await Promise.all(batches.map((batch) => insertSpans(this.#options.database, batch)));
      // The oldest may have been dropped meanwhile: take out what was written, not what is first.
      const written = new Set(taken);
      const kept = this.#buffer.findIndex((span) => !written.has(span));
      this.#buffer = kept === -1 ? [] : this.#buffer.slice(kept);
    }
  }
}

const KINDS = {
  [SpanKind.INTERNAL]: "internal",
  [SpanKind.SERVER]: "server",
  [SpanKind.CLIENT]: "client",
  [SpanKind.PRODUCER]: "producer",
  [SpanKind.CONSUMER]: "consumer",
} as const;

const STATUSES = {
  [SpanStatusCode.UNSET]: "unset",
  [SpanStatusCode.OK]: "ok",
  [SpanStatusCode.ERROR]: "error",
} as const;

/** A span of the SDK as it is stored. */
export function recordOf(span: ReadableSpan, instanceId: string): SpanRecord {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    kind: KINDS[span.kind],
    startedAt: new Date(milliseconds(span.startTime)).toISOString(),
    durationUs: Math.round(milliseconds(span.duration) * 1000),
    status: STATUSES[span.status.code],
    statusMessage: span.status.message ?? null,
    attributes: { ...span.attributes },
    events: span.events.length === 0
      ? null
      : span.events.map(({ name, time, attributes }) => ({ name, atMs: milliseconds(time), attributes })),
    dispatchId: textOrNull(span.attributes[DISPATCH_ID_ATTRIBUTE]),
    jobId: textOrNull(span.attributes[JOB_ID_ATTRIBUTE]),
    instanceId,
  };
}

function milliseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
