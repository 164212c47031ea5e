/**
 * The load of each agent's worker, 0..1, from memory at any moment. Measurements come in by `observe`; the job count is
 * always the present one. An agent with a `load` of its own is asked in its host at each measurement, one question at a
 * time, and its last good answer counts for CUSTOM_MAX_AGE_MS; after that the instance's calculator does.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { Admission } from "./admission.ts";
import {
  customLoad,
  type LoadCalculator,
  type LoadPoint,
  predictedLoad,
  PREDICTIVE_SAMPLES,
  weightedLoad,
} from "./load_calculator.ts";

/** What an agent's own `load` is asked with (core/agent/hooks.ts LoadSample). */
export interface LoadQuestion {
  jobs: number;
  maxJobs: number | null;
  cpuRatio: number | null;
  memoryRatio: number | null;
}

export type LoadAnswer = { ok: true; value: unknown } | { ok: false; reason: string };

export interface LoadMeterOptions {
  calculator: LoadCalculator;
  admission: Admission;
  /** The agents whose load is followed. */
  agents: () => readonly string[];
  /** Asks the agent's own `load`; null: it has none. Must settle. */
  ask: (agent: string, question: LoadQuestion) => Promise<LoadAnswer> | null;
  logger: Logger;
}

export interface HostLoad {
  cpuRatio: number | null;
  memoryRatio: number | null;
}

/** LiveKit is told this often (livekit.md 3), so the prediction looks one report ahead. */
const PREDICT_AHEAD_MS = 2_500;
/** How long an agent's own answer counts. */
const CUSTOM_MAX_AGE_MS = 15_000;

interface CustomState {
  isAsking: boolean;
  good: LoadPoint | null;
  /** The last answer was none; told once. */
  hasFailed: boolean;
}

export class LoadMeter {
  readonly #options: LoadMeterOptions;
  readonly #points = new Map<string, LoadPoint[]>();
  readonly #custom = new Map<string, CustomState>();
  #host: HostLoad = { cpuRatio: null, memoryRatio: null };

  constructor(options: LoadMeterOptions) {
    this.#options = options;
  }

  /** Takes a measurement of the machine in. @param nowMs monotonic. */
  observe(host: HostLoad, nowMs: number): void {
    this.#host = host;
    const agents = this.#options.agents();
    for (const agent of [...this.#points.keys(), ...this.#custom.keys()]) {
      if (agents.includes(agent)) continue;
      this.#points.delete(agent);
      this.#custom.delete(agent);
    }
    for (const agent of agents) {
      const points = this.#points.get(agent) ?? [];
      this.#points.set(agent, [...points, { atMs: nowMs, load: this.#weighted(agent) }].slice(-PREDICTIVE_SAMPLES));
      this.#askCustom(agent, nowMs);
    }
  }

  /** @param nowMs monotonic. */
  loadRatioOf(agent: string, nowMs: number): number {
    const good = this.#custom.get(agent)?.good;
    if (good && nowMs - good.atMs <= CUSTOM_MAX_AGE_MS) return good.load;
    switch (this.#options.calculator) {
      case "jobs":
        return this.#options.admission.loadRatioOf(agent);
      case "weighted":
        return this.#weighted(agent);
      case "predictive":
        return predictedLoad(
          [...this.#points.get(agent) ?? [], { atMs: nowMs, load: this.#weighted(agent) }],
          PREDICT_AHEAD_MS,
        ) ?? 0;
    }
  }

  #weighted(agent: string): number {
    const { admission } = this.#options;
    // The tighter of the instance's and the agent's limit, as a share, so that either one counts as it should.
    return weightedLoad({ usedJobs: admission.loadRatioOf(agent), maxJobs: 1, ...this.#host });
  }

  #askCustom(agent: string, nowMs: number): void {
    const state = this.#custom.get(agent) ?? { isAsking: false, good: null, hasFailed: false };
    if (state.isAsking) return;
    const { admission, ask } = this.#options;
    const maxJobs = admission.maxJobsOf(agent);
    const asked = ask(agent, {
      jobs: admission.usedBy(agent),
      maxJobs: maxJobs === Infinity ? null : maxJobs,
      ...this.#host,
    });
    if (asked === null) return void this.#custom.delete(agent);
    this.#custom.set(agent, state);
    state.isAsking = true;
    asked.then((answer) => this.#answered(agent, state, answer, nowMs), (error) => {
      this.#answered(agent, state, { ok: false, reason: String(error) }, nowMs);
    }).finally(() => state.isAsking = false);
  }

  #answered(agent: string, state: CustomState, answer: LoadAnswer, atMs: number): void {
    const load = answer.ok ? customLoad(answer.value) : null;
    if (load !== null) {
      state.good = { atMs, load };
      state.hasFailed = false;
      return;
    }
    if (state.hasFailed) return;
    state.hasFailed = true;
    const reason = answer.ok ? "it is not a number" : answer.reason;
    this.#options.logger.warn("an agent's own load can't be used; the last good one, then the instance's, counts", {
      agent,
      reason,
    });
  }
}
