/** What tests of slots and hosts need: children's environment with a data folder of its own, jobs, observers that remember. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLogger, type Logger } from "../../core/lifecycle/logger.ts";
import { ChildListener } from "../../core/runtime/child_listener.ts";
import { DEFAULT_OS_PERMISSIONS, type OsPermissions } from "../../core/runtime/child_permissions.ts";
import type { JobEnd } from "../../core/runtime/job_end.ts";
import type { JobStart } from "../../core/runtime/messages.ts";
import { Reaper } from "../../core/runtime/reaper.ts";
import type { JobObserver, JobResources, SlotLogLine } from "../../core/runtime/slot.ts";
import type { PoolAgent } from "../../core/runtime/slot_lane.ts";
import { type ChildEnvironment, PROJECT_DIR } from "../../core/runtime/spawn_child.ts";

export const AGENTS_DIR = fileURLToPath(new URL("./agents", import.meta.url));

export interface RuntimeFixture {
  environment: ChildEnvironment;
  dataDir: string;
  /** Every line that was logged, as JSON. */
  logged: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param env what children's parent has in its environment, besides what this process has. */
export async function startRuntime({ env = {} }: { env?: Record<string, string> } = {}): Promise<RuntimeFixture> {
  const dataDir = await Deno.makeTempDir({ prefix: "greenroom-runtime-" });
  const logged: string[] = [];
  const logger: Logger = createLogger({ level: "debug", format: "json", write: (line) => void logged.push(line) });
  const reaper = new Reaper(logger);
  reaper.start();
  const listener = ChildListener.open({ logger, reaper });
  return {
    environment: {
      folders: { projectDir: PROJECT_DIR, agentsDir: AGENTS_DIR, dataDir },
      readEnv: (name) => env[name] ?? Deno.env.get(name),
      reaper,
      listener,
      logger,
    },
    dataDir,
    logged,
    async [Symbol.asyncDispose]() {
      listener.close();
      await reaper.stop();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

export const SETTINGS = {
  maxConcurrentJobs: 20,
  maxWarmSlots: 8,
  spareProcesses: 0,
  slotStartTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  rtcLogs: false,
  maxLogLinesPerJob: 1_000,
  jobMemoryLimitMb: 1_024,
  jobHeapLimitMb: 0,
  processMaxJobs: 200,
  processMaxGrowthMb: 256,
  minFreeMemoryMb: 0,
  hostTimeoutMs: 10_000,
  validateTimeoutMs: 2_000,
};

/** An agent of tests/support/agents. */
export function testAgent(
  name: string,
  { env = [], ...changes }: Partial<PoolAgent> & { env?: string[] } = {},
): PoolAgent {
  const osPermissions: OsPermissions = { ...DEFAULT_OS_PERMISSIONS, env };
  return { name, file: join(AGENTS_DIR, `${name}.ts`), warmSlots: 0, osPermissions, ...changes };
}

export function jobOf(agent: string, changes: Partial<JobStart> = {}): JobStart {
  const jobId = crypto.randomUUID();
  return {
    jobId,
    dispatchId: crypto.randomUUID(),
    attempt: 1,
    agent,
    room: "room",
    url: "ws://127.0.0.1:1",
    token: "token",
    participantIdentity: `agent-${jobId}`,
    metadata: null,
    readiness: "connected",
    shutdownGraceMs: 1_000,
    aloneTimeoutMs: 0,
    ...changes,
  };
}

/** Remembers what a job did; `finished` resolves at once unless `holdEnd` is given. */
export class RememberingObserver implements JobObserver {
  readonly stages: string[] = [];
  readonly ends: JobEnd[] = [];
  readonly lines: SlotLogLine[] = [];
  readonly flags: string[] = [];
  lastResources: JobResources | null = null;
  readonly #entered = Promise.withResolvers<void>();
  readonly hasEntered = this.#entered.promise;
  readonly #holdEnd: Promise<void>;

  constructor({ holdEnd = Promise.resolve() }: { holdEnd?: Promise<void> } = {}) {
    this.#holdEnd = holdEnd;
  }

  entered(): void {
    this.stages.push("entered");
    this.#entered.resolve();
  }

  connected(): void {
    this.stages.push("connected");
  }

  ready(): void {
    this.stages.push("ready");
  }

  log(line: SlotLogLine): void {
    this.lines.push(line);
  }

  resources(latest: JobResources): void {
    this.lastResources = latest;
  }

  flagged(flag: string): void {
    this.flags.push(flag);
  }

  finished(end: JobEnd): Promise<void> {
    this.ends.push(end);
    return this.#holdEnd;
  }
}

/** Whether a process of this id is there, also as a zombie. */
export function isAlive(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false; // no such process
  }
}
