/**
 * The child's end of requests to the control plane: ctx.api, checkpoints, messages between jobs, election. Each request
 * settles: by the answer, by its time limit, or because the control plane is gone. What is refused or fails rejects with
 * ControlPlaneError, whose code says which.
 */
import { ControlPlaneError } from "../../agent/errors.ts";
import type { ParentMessage, ReplyMessage } from "../messages.ts";
import type { ChildChannel } from "./child_channel.ts";

export interface ControlRequestsOptions {
  jobId: string;
  channel: Pick<ChildChannel, "send" | "isOpen" | "closed">;
  timeoutMs?: number;
}

type Waiting = PromiseWithResolvers<unknown> & { timer: ReturnType<typeof setTimeout> };

/** Longer than the control plane's own limit (job_requests.ts), which says more. */
const TIMEOUT_MS = 15_000;
const MAX_OUTSTANDING = 32;
/** One message is at most 1 MiB; this leaves room for what is around it. */
const MAX_PARAMS_CHARS = 1_040_000;

export class ControlRequests {
  readonly #options: ControlRequestsOptions;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(options: ControlRequestsOptions) {
    this.#options = options;
    void options.channel.closed.then(() => this.#abandon());
  }

  /** The answer's value. Rejects with ControlPlaneError, nothing else. */
  async call(method: string, params: unknown = {}): Promise<unknown> {
    const { jobId, channel, timeoutMs = TIMEOUT_MS } = this.#options;
    const plain = plainJson(params);
    if (!channel.isOpen) throw gone();
    if (this.#waiting.size >= MAX_OUTSTANDING) {
      throw new ControlPlaneError(
        "too_many_requests",
        `Cannot ask: ${MAX_OUTSTANDING} requests of this job wait already`,
      );
    }
    const requestId = ++this.#lastId;
    const waiting: Waiting = {
      ...Promise.withResolvers<unknown>(),
      timer: setTimeout(() => {
        this.#take(requestId)?.reject(new ControlPlaneError("timeout", `${method}: no answer within ${timeoutMs} ms`));
      }, timeoutMs),
    };
    this.#waiting.set(requestId, waiting);
    channel.send({ type: "request", jobId, requestId, method, params: plain });
    return await waiting.promise;
  }

  /** Settles the request that this answers; one that nobody waits for any more is ignored. */
  answered({ requestId, ok, value, error }: ReplyMessage): void {
    const waiting = this.#take(requestId);
    if (ok) waiting?.resolve(value);
    else waiting?.reject(new ControlPlaneError(error?.code ?? "failed", error?.message ?? "The request failed"));
  }

  #take(requestId: number): Waiting | null {
    const waiting = this.#waiting.get(requestId) ?? null;
    this.#waiting.delete(requestId);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #abandon(): void {
    for (const requestId of [...this.#waiting.keys()]) this.#take(requestId)?.reject(gone());
  }
}

/** What arrives when nobody can answer any more. */
export type ToJob = Extract<ParentMessage, { type: "reply" | "deliver" | "elected" }>;

function gone(): ControlPlaneError {
  return new ControlPlaneError("gone", "Cannot ask: the control plane is gone");
}

/** User code may hand in anything; what JSON can't say is refused here, where it is named. */
function plainJson(params: unknown): unknown {
  let text: string;
  try {
    text = JSON.stringify(params);
  } catch (error) {
    throw new ControlPlaneError("invalid", `Cannot be sent as JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (text.length > MAX_PARAMS_CHARS) {
    throw new ControlPlaneError(
      "too_large",
      `Cannot be sent: it has ${text.length} characters, at most ${MAX_PARAMS_CHARS}`,
    );
  }
  return JSON.parse(text);
}
