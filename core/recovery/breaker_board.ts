/**
 * The crash-loop breakers of all agents (crash_breaker.ts is the machine): shared by the fleet through the database, asked
 * synchronously from memory. What is known is at most POLL_MS old; of two instances that change a breaker at once the loser
 * takes over what the winner wrote. Without the database the memory goes on alone.
 *
 * A crash counts when the job had not lived for SERVED_AFTER_MS. A job that lived longer, or succeeded, has served.
 */
import { type BreakerRow, listBreakers, saveBreaker } from "../../db/breakers.ts";
import type { Database } from "../../db/client.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidTime } from "../lifecycle/uuid.ts";
import type { JobEnd } from "../runtime/job_end.ts";
import type { JobPlan } from "../runtime/job_runner.ts";
import {
  afterCrash,
  afterService,
  type Breaker,
  type BreakerPolicy,
  CLOSED,
  DEFAULT_BREAKER,
  tryStart,
} from "./crash_breaker.ts";

export interface BreakerBoardOptions {
  database: Database;
  /** Crashes in a row that open a breaker; 0: never. */
  threshold: number;
  /** Jobs that run here now. */
  running: () => { agent: string; jobId: string }[];
  /** A breaker opened, closed, or may try a job. */
  onChange: () => void;
  logger: Logger;
  now?: () => Date;
}

const POLL_MS = 1_000;
export const SERVED_AFTER_MS = 10_000;
/** Failures that say nothing about the agent's own health. */
const NOT_ITS_FAULT: readonly string[] = [
  "connection_lost",
  "instance_lost",
  "deadline_exceeded",
  "shutdown_overrun",
  "stage_timed_out_connected",
];
/** Of its error: what was handed in is wrong, or something out there can't be reached (a room that can't be joined, too). */
const NO_CRASHES: readonly (string | undefined)[] = ["validation", "network"];
const MAX_REASON_CHARS = 500;

export class BreakerBoard implements Service {
  readonly name = "crash-breakers";
  readonly #options: BreakerBoardOptions;
  readonly #policy: BreakerPolicy;
  readonly #now: () => Date;
  readonly #breakers = new Map<string, Breaker>();
  #saving: Promise<void> = Promise.resolve();
  #savesWaiting = 0;

  constructor(options: BreakerBoardOptions) {
    this.#options = options;
    this.#policy = { ...DEFAULT_BREAKER, threshold: options.threshold };
    this.#now = options.now ?? (() => new Date());
  }

  of(agent: string): Breaker {
    return this.#breakers.get(agent) ?? CLOSED;
  }

  /** Those that have counted a crash. */
  list(): (Breaker & { agent: string })[] {
    return [...this.#breakers].map(([agent, breaker]) => ({ agent, ...breaker }));
  }

  /** Jobs that the agent's breaker lets start now: all, none, or one that tries. */
  mayStart(agent: string): number {
    const breaker = this.of(agent);
    if (breaker.state === "closed") return Infinity;
    return tryStart(breaker, this.#now()).mayStart ? 1 : 0;
  }

  /** A job of the agent is about to start. */
  started(agent: string): void {
    const breaker = this.of(agent);
    if (breaker.state !== "closed") this.#set(agent, tryStart(breaker, this.#now()).breaker);
  }

  /** A job has ended. */
  ended({ agent, key }: Pick<JobPlan, "agent" | "key">, end: JobEnd, at: Date): void {
    const hasServed = at.getTime() - uuidTime(key.jobId).getTime() >= SERVED_AFTER_MS;
    const breaker = this.of(agent);
    if (end.outcome === "succeeded" || hasServed) return this.#set(agent, afterService(breaker));
    if (this.#policy.threshold === 0 || end.outcome !== "failed") return;
    const { kind, class: failureClass, message } = end.failure;
    if (NOT_ITS_FAULT.includes(kind) || NO_CRASHES.includes(failureClass)) return;
    const [reason = kind] = `${kind}: ${message}`.slice(0, MAX_REASON_CHARS).split("\n");
    this.#set(agent, afterCrash(breaker, reason, this.#policy, at));
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.debug("breakers could not be read", { error });
    await runEvery({ everyMs: POLL_MS, signal, task: () => this.look(), onError });
    await this.#saving;
  }

  /** Takes over what others have changed, and closes what a job that runs here has proved. Throws what the database throws. */
  async look(): Promise<void> {
    if (this.#savesWaiting === 0) await this.#read();
    for (const { agent, jobId } of this.#options.running()) {
      const { openedAt } = this.of(agent);
      const startedAt = uuidTime(jobId);
      const isProof = openedAt !== null && startedAt > openedAt &&
        this.#now().getTime() - startedAt.getTime() >= SERVED_AFTER_MS;
      if (isProof) this.#set(agent, CLOSED);
    }
    const isProbeDue = [...this.#breakers.keys()].some((agent) => this.mayStart(agent) === 1);
    if (isProbeDue) this.#options.onChange();
  }

  /** Resolves when all changes so far are written, or given up. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  #set(agent: string, next: Breaker): void {
    const was = this.of(agent);
    if (next === was) return;
    this.#keep(agent, next);
    if (was.state !== next.state) {
      const { state, failures, reason } = next;
      this.#options.logger.warn("the crash breaker of an agent changed", {
        agent,
        from: was.state,
        state,
        failures,
        reason,
      });
      this.#options.onChange();
    }
    this.#savesWaiting += 1;
    this.#saving = this.#saving.then(() => this.#save(agent, next, was)).finally(() => this.#savesWaiting -= 1);
  }

  async #save(agent: string, next: Breaker, was: Breaker): Promise<void> {
    const { database, logger } = this.#options;
    try {
      if (!await saveBreaker(database, { agent, ...next }, was)) await this.#read();
    } catch (error) {
      logger.warn("a breaker could not be stored", { agent, error });
    }
  }

  async #read(): Promise<void> {
    const found = await listBreakers(this.#options.database);
    const seen = new Set(found.map(({ agent }) => agent));
    const known = [...this.#breakers.keys()].filter((agent) => !seen.has(agent)).map((agent) =>
      [agent, CLOSED] as const
    );
    let hasChanged = false;
    for (const [agent, breaker] of [...known, ...found.map((row) => [row.agent, breakerOf(row)] as const)]) {
      hasChanged ||= this.of(agent).state !== breaker.state;
      this.#keep(agent, breaker);
    }
    if (hasChanged) this.#options.onChange();
  }

  #keep(agent: string, breaker: Breaker): void {
    if (breaker.state === "closed" && breaker.failures === 0) this.#breakers.delete(agent);
    else this.#breakers.set(agent, breaker);
  }
}

function breakerOf({ state, failures, reason, openedAt, probeAt }: BreakerRow): Breaker {
  const known = state === "open" || state === "half_open" ? state : "closed";
  return { state: known, failures, reason, openedAt, probeAt };
}
