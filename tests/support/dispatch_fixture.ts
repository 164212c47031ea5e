/**
 * Dispatcher and QueueClaimer of one instance on a real database. Agents run nowhere: a job "runs" until the test ends
 * it, so that queues and slots are looked at without processes.
 */
import { Admission } from "../../core/capacity/admission.ts";
import type { ResourceLimiter } from "../../core/capacity/resource_limiter.ts";
import { Dispatcher, type Requester, type WaitFor } from "../../core/dispatch/dispatcher.ts";
import type { DispatchLimits } from "../../core/dispatch/dispatch_limits.ts";
import { ExpirySweep } from "../../core/dispatch/expiry_sweep.ts";
import { JobStarter } from "../../core/dispatch/job_starter.ts";
import { LiveDispatches } from "../../core/dispatch/live_dispatches.ts";
import { LivekitPlacement } from "../../core/dispatch/livekit_placement.ts";
import { QueueClaimer, type QueueClaimerOptions } from "../../core/dispatch/queue_claimer.ts";
import type { UnconfirmedRequests } from "../../core/dispatch/unconfirmed_requests.ts";
import type { Logger } from "../../core/lifecycle/logger.ts";
import { silentLogger } from "../../core/lifecycle/logger.ts";
import { LivekitHealth } from "../../core/livekit/livekit_health.ts";
import { LivekitApiError } from "../../core/livekit/api_error.ts";
import type { ServerApi } from "../../core/livekit/server_api.ts";
import type { AgentCatalog, AgentEntry } from "../../core/runtime/agent_catalog.ts";
import type { JobEnd } from "../../core/runtime/job_end.ts";
import type { JobListener, JobPlan, JobRunner, RunningJob } from "../../core/runtime/job_runner.ts";
import { LogWriter } from "../../core/runtime/log_writer.ts";
import type { CancelReason } from "../../core/runtime/messages.ts";
import { uuidv7 } from "../../core/lifecycle/uuid.ts";
import type { Database } from "../../db/client.ts";

export const REQUESTER: Requester = { actor: "rest:test", origin: "rest", traceparent: null };
export const NO_WAIT: WaitFor = { wait: "none", waitMs: 1, onWaitTimeout: "continue" };
const SUCCEEDED: JobEnd = { outcome: "succeeded", endReason: "entry_returned" };

/** Keeps what was started; nothing happens to it until the test says so. */
export class HeldJobs {
  readonly plans: JobPlan[] = [];
  readonly #held = new Map<string, { job: RunningJob; end: (end: JobEnd) => void }>();

  start(plan: JobPlan, listener: JobListener, release: () => void): RunningJob {
    this.plans.push(plan);
    const gone = Promise.withResolvers<JobEnd>();
    const end = (how: JobEnd) => {
      if (!this.#held.delete(plan.key.jobId)) return;
      listener.ended(how, new Date(), { kind: "final" });
      release();
      gone.resolve(how);
    };
    const cancel = (reason: CancelReason) => end({ outcome: "cancelled", endReason: reason });
    const job: RunningJob = { plan, gone: gone.promise, cancel, send: () => false, listen: () => () => {} };
    this.#held.set(plan.key.jobId, { job, end });
    return job;
  }

  find(jobId: string): RunningJob | null {
    return this.#held.get(jobId)?.job ?? null;
  }

  get count(): number {
    return this.#held.size;
  }

  /** Ends the job that has been held longest, in memory only. */
  endOldest(): void {
    const [oldest] = this.#held.values();
    oldest?.end(SUCCEEDED);
  }
}

export interface DispatchFixture {
  instanceId: string;
  dispatcher: Dispatcher;
  claimer: QueueClaimer;
  expiry: ExpirySweep;
  admission: Admission;
  live: LiveDispatches;
  jobs: HeldJobs;
  starter: JobStarter;
  /** What the catalog has; changing it changes the instance. */
  agents: AgentEntry[];
  setReachable(isReachable: boolean): Promise<void>;
}

export interface FixtureOptions {
  maxJobs?: number;
  agents?: AgentEntry[];
  queueCapacity?: number;
  maxWaiters?: number;
  limiter?: ResourceLimiter;
  limits?: DispatchLimits;
  unconfirmed?: Pick<UnconfirmedRequests, "add">;
  logger?: Logger;
  whyUnwanted?: QueueClaimerOptions["whyUnwanted"];
}

export function agentEntry(name: string, fields: Partial<AgentEntry> = {}): AgentEntry {
  const validateMetadata = (metadata: unknown) => Promise.resolve({ ok: true as const, metadata });
  const hook = () => Promise.resolve({ ok: false as const, reason: "no hooks here" });
  const code = { file: `${name}.ts`, path: `/agents/${name}.ts`, version: "1" };
  return { name, ...code, state: "ready", validateMetadata, hook, ...fields };
}

export function dispatchFixture(database: Database, options: FixtureOptions = {}): DispatchFixture {
  const { maxJobs = 5, agents = [agentEntry("echo")], queueCapacity = 1_000, logger = silentLogger } = options;
  const instanceId = uuidv7();
  const jobs = new HeldJobs();
  const runner = jobs as unknown as JobRunner;
  const catalog = {
    list: () => agents,
    find: (name: string) => agents.find((agent) => agent.name === name) ?? null,
    nearest: () => agents.map(({ name }) => name),
  } as unknown as AgentCatalog;
  const admission = new Admission(maxJobs, undefined, options.limiter ? { limiter: options.limiter } : {});
  const live = new LiveDispatches();
  let isReachable = true;
  const away = new LivekitApiError("unreachable", "away");
  const health = new LivekitHealth({
    checkHealth: () => Promise.resolve(isReachable ? { ok: true, elapsedMs: 1 } : { ok: false, error: away }),
    intervalMs: 1_000,
    logger,
  });
  const livekit = {
    name: "local",
    url: "ws://127.0.0.1:1",
    publicUrl: "ws://127.0.0.1:1",
    credentials: () => ({ apiKey: "key", apiSecret: "secret" }),
  };
  const logs = new LogWriter({ database, maxLinesPerJob: 10, logger });
  const wakeQueue = () => claimer.wake();
  const starter = new JobStarter({
    ...{ catalog, runner, logs, live, livekit, logger },
    shutdownGraceMs: 1_000,
    aloneTimeoutMs: 0,
    onSlotFreed: wakeQueue,
  });
  const actor = `instance:${instanceId}`;
  const placement = new LivekitPlacement({ database, api: {} as ServerApi, live, actor, logger });
  const claimer: QueueClaimer = new QueueClaimer({
    ...{ database, instanceId, catalog, admission, health, starter, live, logger },
    ...(options.whyUnwanted && { whyUnwanted: options.whyUnwanted }),
    pollMs: 20,
  });
  const dispatcher = new Dispatcher({
    ...{ database, instanceId, catalog, admission, runner, starter, live, health, placement, wakeQueue, logger },
    ...{ server: "local", maxMetadataBytes: 65_536, queueCapacity, maxWaiters: options.maxWaiters ?? 10 },
    wakeQueueAt: (at) => claimer.wakeAt(at),
    ...(options.limits && { limits: options.limits }),
    ...(options.unconfirmed && { unconfirmed: options.unconfirmed }),
  });
  const expiry = new ExpirySweep({ database, instanceId, live, runner, placement, logger });
  return {
    ...{ instanceId, dispatcher, claimer, expiry, admission, live, jobs, starter, agents },
    async setReachable(reachable) {
      isReachable = reachable;
      await health.start();
    },
  };
}
