/** ctx.publish, ctx.subscribe and ctx.electLeader: what ties one job to others, through the control plane. */
import { JobEndedError } from "../../agent/errors.ts";
import type { JobLog } from "../../agent/job_context.ts";
import type { JobMessageHandler, Leadership, PublishOptions, Subscription } from "../../agent/job_links.ts";
import type { BusScope } from "../messages.ts";
import type { ControlRequests, ToJob } from "./control_requests.ts";

export interface JobLinksOptions {
  requests: Pick<ControlRequests, "call">;
  /** Aborts when the job ends. */
  signal: AbortSignal;
  log: JobLog;
}

type Deliver = Extract<ToJob, { type: "deliver" }>;

export class JobLinks {
  readonly #options: JobLinksOptions;
  readonly #handlers = new Map<string, Set<JobMessageHandler>>();
  readonly #candidacies = new Map<string, Candidacy>();

  constructor(options: JobLinksOptions) {
    this.#options = options;
  }

  async publish(topic: string, data: unknown, { scope = "room" }: PublishOptions = {}): Promise<number> {
    return await this.#options.requests.call("bus.publish", { topic, scope, data: data ?? null }) as number;
  }

  async subscribe(
    topic: string,
    handler: JobMessageHandler,
    { scope = "room" }: PublishOptions = {},
  ): Promise<Subscription> {
    const key = keyOf(topic, scope);
    const known = this.#handlers.get(key);
    const handlers = known ?? new Set();
    handlers.add(handler);
    this.#handlers.set(key, handlers);
    const leave = async () => {
      if (!handlers.delete(handler) || handlers.size > 0) return;
      this.#handlers.delete(key);
      await this.#options.requests.call("bus.unsubscribe", { topic, scope });
    };
    try {
      // The same again is one subscription, so that it does not matter which of several came first.
      await this.#options.requests.call("bus.subscribe", { topic, scope });
    } catch (error) {
      handlers.delete(handler);
      if (handlers.size === 0) this.#handlers.delete(key);
      throw error;
    }
    return { unsubscribe: leave };
  }

  async electLeader(name: string): Promise<Leadership> {
    const known = this.#candidacies.get(name);
    if (known && !known.hasResigned) return known;
    const candidacy = new Candidacy(name, this.#options, () => this.#candidacies.delete(name));
    this.#candidacies.set(name, candidacy);
    try {
      const answer = await this.#options.requests.call("leader.campaign", { name }) as { term: number | null };
      if (answer.term !== null) candidacy.lead(answer.term);
      return candidacy;
    } catch (error) {
      this.#candidacies.delete(name);
      throw error;
    }
  }

  receive(message: ToJob): void {
    if (message.type === "deliver") this.#deliver(message);
    else if (message.type === "elected") this.#candidacies.get(message.name)?.lead(message.term);
  }

  #deliver({ topic, scope, data, from }: Deliver): void {
    for (const handler of this.#handlers.get(keyOf(topic, scope)) ?? []) {
      Promise.try(() => handler({ topic, data, from }))
        .catch((error) => this.#options.log.error("A subscriber failed", { topic, error }));
    }
  }
}

class Candidacy implements Leadership {
  term: number | null = null;
  hasResigned = false;
  readonly elected: Promise<void>;
  readonly signal: AbortSignal;
  readonly #name: string;
  readonly #options: JobLinksOptions;
  readonly #lost = new AbortController();
  readonly #resolve: () => void;
  readonly #forget: () => void;

  constructor(name: string, options: JobLinksOptions, forget: () => void) {
    this.#name = name;
    this.#options = options;
    this.#forget = forget;
    this.signal = AbortSignal.any([options.signal, this.#lost.signal]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.elected = promise;
    this.#resolve = resolve;
    promise.catch(() => {/* nobody need wait for it */});
    this.signal.addEventListener("abort", () => reject(this.signal.reason));
    if (this.signal.aborted) reject(this.signal.reason);
  }

  get isLeader(): boolean {
    return this.term !== null && !this.signal.aborted;
  }

  lead(term: number): void {
    this.term ??= term;
    this.#resolve();
  }

  async resign(): Promise<void> {
    if (this.hasResigned) return;
    this.hasResigned = true;
    this.#forget();
    this.#lost.abort(new JobEndedError("resigned"));
    await this.#options.requests.call("leader.resign", { name: this.#name });
  }
}

function keyOf(topic: string, scope: BusScope): string {
  return `${scope}\n${topic}`;
}
