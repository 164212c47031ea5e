/**
 * ctx.tracer: notes what the agent's spans were and sends each one when it has ended; the control plane stores them. Small
 * on purpose: the OpenTelemetry SDK would cost every child megabytes.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { JobLog, JobSpan, JobTracer, SpanAttributes } from "../../agent/job_context.ts";
import type { JobStart, SpanMessage } from "../messages.ts";

export interface ChildTracerOptions {
  job: Pick<JobStart, "jobId" | "dispatchId" | "traceparent">;
  send: (message: SpanMessage) => void;
  log: Pick<JobLog, "warn">;
}

const MAX_SPANS = 1_000;
const MAX_ATTRIBUTES = 64;
const MAX_NAME_CHARS = 256;
const MAX_VALUE_CHARS = 4_096;
const MAX_MESSAGE_CHARS = 1_024;

export class ChildTracer implements JobTracer {
  readonly #options: ChildTracerOptions;
  readonly #traceId: string;
  readonly #jobSpanId: string;
  readonly #innermost = new AsyncLocalStorage<string>();
  #sent = 0;

  constructor(options: ChildTracerOptions) {
    this.#options = options;
    const { jobId, dispatchId, traceparent } = options.job;
    const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent ?? "") ?? [];
    this.#traceId = traceId ?? dispatchId.replaceAll("-", "");
    this.#jobSpanId = spanId ?? jobId.replaceAll("-", "").slice(16);
  }

  get traceparent(): string {
    return this.#traceparentOf(this.#innermost.getStore() ?? this.#jobSpanId);
  }

  startSpan(name: string, attributes: SpanAttributes = {}): JobSpan {
    return this.#start(name, attributes).span;
  }

  async span<T>(
    name: string,
    work: (span: JobSpan) => T | Promise<T>,
    attributes: SpanAttributes = {},
  ): Promise<T> {
    const { spanId, span } = this.#start(name, attributes);
    try {
      return await this.#innermost.run(spanId, () => work(span));
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      span.end();
    }
  }

  #start(name: string, given: SpanAttributes): { spanId: string; span: JobSpan } {
    const spanId = randomSpanId();
    const parentSpanId = this.#innermost.getStore() ?? this.#jobSpanId;
    const [at, startedAtMs] = [Date.now(), performance.now()];
    const attributes = new Map(Object.entries(given));
    let failure: string | null = null;
    let hasEnded = false;
    const end = () => {
      if (hasEnded) return;
      hasEnded = true;
      this.#send({
        ...{ type: "span", jobId: this.#options.job.jobId, spanId, parentSpanId, at },
        name: name.slice(0, MAX_NAME_CHARS) || "unnamed",
        durationMs: performance.now() - startedAtMs,
        ...(failure === null ? { status: "unset" } : { status: "error", statusMessage: failure }),
        ...(attributes.size === 0 ? {} : { attributes: sendable(attributes) }),
      });
    };
    const span: JobSpan = {
      traceparent: this.#traceparentOf(spanId),
      setAttribute: (key, value) => void attributes.set(key, value),
      fail: (error) => void (failure ??= textOf(error).slice(0, MAX_MESSAGE_CHARS)),
      end,
    };
    return { spanId, span };
  }

  #send(message: SpanMessage): void {
    this.#sent += 1;
    if (this.#sent <= MAX_SPANS) return this.#options.send(message);
    if (this.#sent === MAX_SPANS + 1) this.#options.log.warn(`More than ${MAX_SPANS} spans: later ones are not kept`);
  }

  #traceparentOf(spanId: string): string {
    return `00-${this.#traceId}-${spanId}-01`;
  }
}

/** What the message allows: few, short, and of plain types, whatever user code gave. */
function sendable(attributes: ReadonlyMap<string, unknown>): SpanAttributes {
  const entries = [...attributes].slice(0, MAX_ATTRIBUTES).map(([name, value]) => {
    const isPlain = typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
    return [name.slice(0, MAX_NAME_CHARS), isPlain ? value : String(value).slice(0, MAX_VALUE_CHARS)];
  });
  return Object.fromEntries(entries);
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function randomSpanId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
