/**
 * Measures every second what is used of the machine and by our processes, and tells the limiter, the load meter and who
 * asks for headroom. One that fails is logged once and leaves the last measurement standing.
 */
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { HostReader, type HostReading } from "../telemetry/host_reading.ts";
import { type MemoryOfAll, readMemoryOfAll } from "../telemetry/process_sample.ts";
import type { LoadMeter } from "./load_meter.ts";
import type { ResourceLimiter, ResourceNeed } from "./resource_limiter.ts";

export interface ResourceMonitorOptions {
  limiter: ResourceLimiter;
  loadMeter: LoadMeter;
  /** Processes of agents: slots, spares and hosts. */
  childPids: () => number[];
  logger: Logger;
  /** Replaced by tests. */
  reader?: Pick<HostReader, "read">;
  everyMs?: number;
}

const MEASURE_EVERY_MS = 1_000;
/** Without a memory limit that must be kept, our processes' memory is only looked at each so many measurements. */
const MEMORY_EVERY = 5;
/** What an agent's process takes until some have been measured. */
const DEFAULT_JOB_BYTES = 67_108_864;
const LEAST_JOB_BYTES = 33_554_432;
/** Of a job that shares a process (measured: 2 to 5 MB for each further one). */
const LEAST_SHARE_BYTES = 5_242_880;
/** Sockets and pipes that a job's process costs the control plane. */
const OPEN_FILES_PER_JOB = 6;

export class ResourceMonitor implements Service {
  readonly name = "resource-monitor";
  /** The newest measurement; null before the first. */
  latest: HostReading | null = null;
  /** Memory of the control plane and its agents' processes; null: unknown. */
  memory: MemoryOfAll | null = null;
  readonly #options: ResourceMonitorOptions;
  readonly #reader: Pick<HostReader, "read">;
  #measurements = 0;
  #hasFailed = false;

  constructor(options: ResourceMonitorOptions) {
    this.#options = options;
    this.#reader = options.reader ?? new HostReader();
    const { logger } = options;
    options.limiter.onLimit(({ resource, isReached, used, limit }) => {
      const fields = { resource, used: Math.round(used), limit };
      if (isReached) logger.warn("a resource limit is reached: no new jobs until it has recovered", fields);
      else logger.info("a resource limit has recovered", fields);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = MEASURE_EVERY_MS } = this.#options;
    await runEvery({ everyMs, signal, task: () => this.measureOnce(), onError: (error) => this.#failed(error) });
  }

  async measureOnce(): Promise<void> {
    const { limiter, loadMeter, childPids } = this.#options;
    const pids = childPids();
    const reading = await this.#reader.read();
    const isMemoryLimited = limiter.snapshot().some(({ resource }) => resource === "memory");
    if (isMemoryLimited || this.#measurements++ % MEMORY_EVERY === 0) this.memory = await readMemoryOfAll(pids);
    this.latest = reading;
    limiter.observe({
      cpuRatio: reading.cpuRatio,
      memoryBytes: this.memory?.totalBytes ?? null,
      processes: pids.length,
      openFiles: reading.openFiles?.used ?? null,
    });
    loadMeter.observe(reading, performance.now());
    this.#hasFailed = false;
  }

  /**
   * What one more job takes: its share of a process like those that are there. @param jobsPerProcess Infinity: it runs in
   * the control plane's own.
   */
  needOfJob(jobsPerProcess = 1): ResourceNeed {
    const share = 1 / jobsPerProcess;
    return {
      memoryBytes: Math.max(LEAST_SHARE_BYTES, this.memoryPerJobBytes * share),
      processes: share,
      openFiles: OPEN_FILES_PER_JOB * share,
    };
  }

  get memoryPerJobBytes(): number {
    return Math.max(LEAST_JOB_BYTES, this.memory?.perChildBytes ?? DEFAULT_JOB_BYTES);
  }

  #failed(error: unknown): void {
    if (!this.#hasFailed) this.#options.logger.warn("could not measure this machine; trying again", { error });
    this.#hasFailed = true;
  }
}
