/**
 * What a running job may ask of the control plane: a table of methods, each with the shape of its parameters and a
 * handler. Children run user code, so the parameters are parsed, and every handler works on the job's own room and
 * dispatch, which come from the job's plan and never from the message.
 *
 * Every request gets exactly one reply: the value, or an error with a code. At most MAX_OUTSTANDING of a job are worked on
 * at a time; one that takes longer than TIMEOUT_MS is answered "timeout" (what it began may still happen). A handler's
 * signal aborts then, and when the job has ended.
 */
import type { z } from "zod";
import type { Logger } from "../lifecycle/logger.ts";
import type { ParentMessage, ReplyMessage, RequestMessage } from "./messages.ts";

/** The job that asks. */
export interface RequestingJob {
  readonly jobId: string;
  readonly dispatchId: string;
  readonly leaseToken: string;
  readonly attempt: number;
  readonly agent: string;
  readonly room: string;
  /** Identity of the participant that the job is for; null for room jobs. */
  readonly participant: string | null;
  /** Sends a message to the job's process; false when it can't be reached. */
  readonly send: (message: ParentMessage) => boolean;
}

/** A request that can't be fulfilled, for a reason that the job is told. */
export class RequestRefusal extends Error {
  override readonly name = "RequestRefusal";
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

/** One method; made by `method`, so that its parameters are typed. */
export interface RequestMethod {
  schema: z.ZodType;
  handle(job: RequestingJob, params: unknown, signal: AbortSignal): Promise<unknown> | unknown;
}

/** A method whose handler gets what its schema gives. */
export function method<Params>(
  schema: z.ZodType<Params>,
  handle: (job: RequestingJob, params: Params, signal: AbortSignal) => Promise<unknown> | unknown,
): RequestMethod {
  return { schema, handle: (job, params, signal) => handle(job, params as Params, signal) };
}

export interface JobRequestsOptions {
  methods: Readonly<Record<string, RequestMethod>>;
  logger: Logger;
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const MAX_OUTSTANDING = 32;
const MAX_MESSAGE_CHARS = 1_000;
const MAX_REPLY_CHARS = 1_048_576;

type Answer = Pick<ReplyMessage, "ok" | "value" | "error">;

export class JobRequests {
  readonly #options: JobRequestsOptions;
  /** Of each job that has asked: what aborts when it ends, and how many requests are being worked on. */
  readonly #jobs = new Map<string, { ended: AbortController; outstanding: number }>();

  constructor(options: JobRequestsOptions) {
    this.#options = options;
  }

  /** Works on a request and replies. Never throws and never rejects. */
  async receive(job: RequestingJob, { requestId, method: name, params }: RequestMessage): Promise<void> {
    const state = this.#jobs.get(job.jobId) ?? { ended: new AbortController(), outstanding: 0 };
    this.#jobs.set(job.jobId, state);
    let answer: Answer;
    if (state.outstanding >= MAX_OUTSTANDING) {
      answer = refusal("too_many_requests", `${MAX_OUTSTANDING} requests of this job are being worked on already`);
    } else {
      state.outstanding += 1;
      answer = await this.#answer(job, name, params, state.ended.signal);
      state.outstanding -= 1;
    }
    job.send({ type: "reply", jobId: job.jobId, requestId, ...fitting(answer) });
  }

  /** The job's process is gone: what it still asks for is given up. */
  ended(jobId: string): void {
    this.#jobs.get(jobId)?.ended.abort();
    this.#jobs.delete(jobId);
  }

  async #answer(job: RequestingJob, name: string, params: unknown, ended: AbortSignal): Promise<Answer> {
    const { methods, timeoutMs = TIMEOUT_MS, logger } = this.#options;
    const found = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (!found) return refusal("unknown_method", `There is no request "${name}"`);
    const parsed = found.schema.safeParse(params);
    if (!parsed.success) {
      const issues = parsed.error.issues.slice(0, 5).map(({ path, message }) => `${path.join(".")}: ${message}`);
      return refusal("invalid", `${name}: ${issues.join("; ")}`);
    }
    const late = Promise.withResolvers<Answer>();
    const over = new AbortController();
    const timer = setTimeout(() => {
      over.abort();
      late.resolve(refusal("timeout", `${name}: not done within ${timeoutMs} ms`));
    }, timeoutMs);
    const work = Promise.try(() => found.handle(job, parsed.data, AbortSignal.any([ended, over.signal])))
      .then((value): Answer => ({ ok: true, value: value ?? null }), (error): Answer => {
        if (error instanceof RequestRefusal) return refusal(error.code, error.message);
        logger.warn("a job's request failed", { job: job.jobId, method: name, error });
        return refusal("failed", error instanceof Error ? error.message : String(error));
      });
    const answer = await Promise.race([work, late.promise]);
    clearTimeout(timer);
    return answer;
  }
}

function refusal(code: string, message: string): Answer {
  return { ok: false, error: { code, message: message.slice(0, MAX_MESSAGE_CHARS) } };
}

function fitting(answer: Answer): Answer {
  if (!answer.ok || JSON.stringify(answer.value).length <= MAX_REPLY_CHARS) return answer;
  return refusal("too_large", "The answer is larger than a message may be");
}
