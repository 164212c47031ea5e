/**
 * Takes a sample every 5 s, tells it to listeners, stores it, and keeps the history's longer tiers and limits.
 *
 *   every 5 s: sample → onSample → stored     every minute: 5 s → 60 s → 1 h     every hour: what is too old is deleted
 *
 * One query per sample serves all agents and all viewers. What can't be stored (database away) is dropped and counted: the
 * chart then has a hole, which is the truth.
 */
import type { Database } from "../../db/client.ts";
import { insertSamples, pruneMetricPoints, rollUp, type TierSeconds } from "../../db/metric_points.ts";
import { countQueued } from "../../db/overview.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { JobMetrics } from "./job_metrics.ts";
import { HostReader } from "./host_reading.ts";
import { readMemoryOfAll } from "./process_sample.ts";
import { type LoadSample, pointsOf, SAMPLE_EVERY_MS } from "./sample.ts";

export interface SamplerOptions {
  database: Database;
  instanceId: string;
  jobMetrics: JobMetrics;
  slots: () => { used: number; maxJobs: number; byAgent: Record<string, number> };
  /** What each worker tells LiveKit. */
  loadByAgent: () => Record<string, number>;
  childPids: () => number[];
  onSample: (sample: LoadSample) => void;
  logger: Logger;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How long each tier is kept. */
export const KEEP_MS: Record<TierSeconds, number> = { 5: DAY_MS, 60: 14 * DAY_MS, 3_600: 400 * DAY_MS };
/** How far back a regular roll-up looks; the first one of a start looks as far as the shorter tier is kept. */
const ROLL_UP_BACK_MS: Record<60 | 3_600, number> = { 60: 5 * MINUTE_MS, 3_600: 2 * HOUR_MS };
const PRUNE_BATCH = 20_000;

export class Sampler implements Service {
  readonly name = "sampler";
  /** The newest sample; null before the first. */
  latest: LoadSample | null = null;
  /** Samples that could not be stored. */
  lost = 0;
  readonly #options: SamplerOptions;
  readonly #host = new HostReader();
  #rolledUpAtMs = 0;
  #prunedAtMs = 0;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // On the same beats on every instance, so that the points of one interval belong together.
      await abortableWait(SAMPLE_EVERY_MS - Date.now() % SAMPLE_EVERY_MS, signal);
      if (signal.aborted) return;
      await this.sampleOnce(new Date());
    }
  }

  /** Takes one sample and does what is due. Never throws. */
  async sampleOnce(now: Date): Promise<LoadSample> {
    const sample = await this.#sample(now);
    this.latest = sample;
    const { onSample, logger, database } = this.#options;
    try {
      onSample(sample);
      await insertSamples(database, pointsOf(sample));
      await this.#maintain(now);
    } catch (error) {
      this.lost += 1;
      // The first and then each hundredth: while the database is away there is one every 5 s.
      if (this.lost % 100 === 1) logger.warn("could not store a sample", { error, lost: this.lost });
    }
    return sample;
  }

  async #sample(now: Date): Promise<LoadSample> {
    const { instanceId, jobMetrics, slots, loadByAgent, childPids } = this.#options;
    const { used, maxJobs, byAgent } = slots();
    const { cpuRatio } = await this.#host.read();
    const startedAtMs = performance.now();
    const queue = await countQueued(this.#options.database).catch((error) => {
      this.#options.logger.debug("could not count what waits", { error });
      return null;
    });
    return {
      instanceId,
      at: now.toISOString(),
      activeJobs: used,
      activeJobsByAgent: byAgent,
      maxJobs,
      cpuRatio,
      memoryBytes: (await readMemoryOfAll(childPids()))?.totalBytes ?? null,
      loadRatio: maxJobs === 0 ? 0 : used / maxJobs,
      loadByAgent: loadByAgent(),
      queue,
      databaseMs: queue === null ? null : performance.now() - startedAtMs,
      jobs: jobMetrics.takeInterval(),
    };
  }

  async #maintain(now: Date): Promise<void> {
    const nowMs = now.getTime();
    if (nowMs - this.#rolledUpAtMs >= MINUTE_MS) {
      // After a start also what an instance that died has left.
      const isFirst = this.#rolledUpAtMs === 0;
      this.#rolledUpAtMs = nowMs;
      await this.#rollUp(5, 60, isFirst ? nowMs - KEEP_MS[5] + HOUR_MS : nowMs - ROLL_UP_BACK_MS[60], isFirst);
      await this.#rollUp(60, 3_600, isFirst ? nowMs - KEEP_MS[60] + DAY_MS : nowMs - ROLL_UP_BACK_MS[3_600], isFirst);
    }
    if (nowMs - this.#prunedAtMs >= HOUR_MS) {
      this.#prunedAtMs = nowMs;
      for (const tier of [5, 60, 3_600] as const) {
        const before = new Date(nowMs - KEEP_MS[tier]);
        while (await pruneMetricPoints(this.#options.database, tier, before, PRUNE_BATCH) === PRUNE_BATCH);
      }
    }
  }

  async #rollUp(from: TierSeconds, to: TierSeconds, sinceMs: number, ofAll: boolean): Promise<void> {
    const instanceId = ofAll ? null : this.#options.instanceId;
    await rollUp(this.#options.database, { from, to, since: new Date(sinceMs), instanceId });
  }
}
