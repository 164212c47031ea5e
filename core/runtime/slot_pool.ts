/**
 * Keeps warm slots ready and hands them out. `take` never waits: it gives a slot in a warm process, else in one that is
 * loading, else it starts a cold one; how many jobs may run is admission's business, not the pool's.
 *
 * A taken slot's place is filled again when it costs no caller anything: not while a job waits for a process or a start is
 * pending, nor until the last started job has connected and said so, ended, or been running for CONNECT_QUIET_MS
 * (measured: loading a child beside a connect slows the connect). How many are kept warm is warm_plan.ts's to say; a
 * process that dies unused, or that is stopped or stuck when it is looked at, is replaced, with back-off.
 */
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { AgentChild } from "./child_process.ts";
import { DEFAULT_OS_PERMISSIONS } from "./child_permissions.ts";
import { InlineChild } from "./inline_child.ts";
import type { Slot } from "./slot.ts";
import { type LaneSnapshot, type PoolAgent, SlotLane } from "./slot_lane.ts";
import { SlotProcess } from "./slot_process.ts";
import { SpareChildren } from "./spare_children.ts";
import { type ChildEnvironment, spawnChild } from "./spawn_child.ts";
import { StartTurns } from "./start_turns.ts";
import { memoryPressure, peakStarts, planWarmSlots, recentDemand } from "./warm_plan.ts";

export type { LaneSnapshot, PoolAgent } from "./slot_lane.ts";

export type SlotPoolSettings = Pick<
  Config,
  | "maxConcurrentJobs"
  | "maxWarmSlots"
  | "spareProcesses"
  | "slotStartTimeoutMs"
  | "connectTimeoutMs"
  | "rtcLogs"
  | "maxLogLinesPerJob"
  | "jobMemoryLimitMb"
  | "jobHeapLimitMb"
  | "processMaxJobs"
  | "processMaxGrowthMb"
  | "minFreeMemoryMb"
>;

export interface SlotPoolOptions {
  settings: SlotPoolSettings;
  environment: ChildEnvironment;
  logger: Logger;
  /** Memory that can be taken on this machine; null when it is not known. */
  availableMemoryBytes?: () => number | null;
}

/** A started job, for the rule above. */
interface RecentStart {
  slot: Slot;
  takenAtMs: number;
  enteredAtMs: number | null;
  connectedAtMs: number | null;
}

const CONNECT_QUIET_MS = 300;
/** Starting a process holds this one's event loop for some milliseconds: not between a job's `connected` and its `ready`. */
const ANNOUNCE_QUIET_MS = 50;
/** A start that is pending for longer (a slow cold agent) holds nobody else back. */
const PENDING_LIMIT_MS = 3_000;
/** Processes that load at once to refill; one that takes longer than SLOW_LOAD_MS does not count any more. */
const MAX_LOADING = 2;
const SLOW_LOAD_MS = 2_000;
/** Processes that load at once for jobs which wait for them. */
const MAX_COLD_LOADING = Math.max(4, 2 * navigator.hardwareConcurrency);
/** Between looks whether nobody waits for a process any more: mostly its own change tells. */
const BURST_LOOK_MS = 250;
/** Between the starts of two spare processes. */
const SPARE_EVERY_MS = 250;
/** Between two looks at idle processes, at memory, and at demand that has gone. */
const REVIEW_EVERY_MS = 5_000;
/** What killing takes, beyond the grace of a stop. */
const KILL_MARGIN_MS = 2_000;
const BYTES_PER_MB = 1_048_576;

export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #lanes = new Map<string, SlotLane>();
  /** Also those of agents that are no more. */
  readonly #processes = new Set<SlotProcess>();
  readonly #spares: SpareChildren;
  readonly #review: ReturnType<typeof setInterval>;
  readonly #turns = new StartTurns(MAX_COLD_LOADING);
  #recent: RecentStart[] = [];
  #loading: { process: SlotProcess; sinceMs: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: SlotPoolOptions) {
    this.#options = options;
    this.#spares = new SpareChildren(() => this.#spawn(null, true), options.logger);
    this.#review = setInterval(() => this.#refill(), REVIEW_EVERY_MS);
  }

  /** Replaces the set of agents. One that starts otherwise than before gets new processes; running jobs go on. */
  setAgents(agents: readonly PoolAgent[]): void {
    const names = new Set(agents.map(({ name }) => name));
    for (const [name, lane] of this.#lanes) {
      if (names.has(name)) continue;
      this.#lanes.delete(name);
      this.#retireAll(lane);
    }
    for (const agent of agents) {
      const lane = this.#lanes.get(agent.name);
      if (!lane) this.#lanes.set(agent.name, new SlotLane(agent));
      else {
        if (!startsAlike(lane.agent, agent)) this.#retireAll(lane);
        lane.agent = agent;
      }
    }
    this.#refill();
  }

  /** Resolves when `take` should be called: at once when a slot or a spare waits, else when a process may be started. */
  async turnToTake(agent: string): Promise<void> {
    if (this.#hasToStart(agent)) await this.#turns.wait(() => this.#hasToStart(agent));
  }

  /** A slot for one job of this agent, to be `run` or given back by `release`. Throws when there is no such agent. */
  take(agent: string): Slot {
    const lane = this.#lanes.get(agent);
    if (!lane) throw new Error(`Cannot take a slot: this instance has no agent "${agent}"`);
    if (this.#isStopped) throw new Error("Cannot take a slot: this instance is stopping");
    const nowMs = performance.now();
    const process = lane.best() ?? this.#startForJob(lane);
    const slot = process.open();
    this.#loading = this.#loading.filter((each) => each.process !== process);
    lane.used(nowMs);
    this.#recent.push({ slot, takenAtMs: nowMs, enteredAtMs: null, connectedAtMs: null });
    return slot;
  }

  /** Gives back a taken slot that was not run. */
  release(slot: Slot): void {
    this.#recent = this.#recent.filter((recent) => recent.slot !== slot);
    for (const process of this.#processes) {
      if (process.slots.has(slot)) process.release(slot);
    }
    this.#refill();
  }

  snapshot(): LaneSnapshot[] {
    const [nowMs, now] = [performance.now(), new Date()];
    return [...this.#lanes.values()].map((lane) => lane.snapshot(nowMs, now));
  }

  /** Processes that wait for any agent. */
  get spareCount(): number {
    return this.#spares.count;
  }

  /** Process ids of all living children. */
  pids(): number[] {
    const ofSlots = [...this.#processes].flatMap(({ pid, state }) => pid === null || state === "gone" ? [] : [pid]);
    return [...ofSlots, ...this.#spares.pids()];
  }

  /** Ends every child: idle ones at once, running jobs as cancelled by "shutdown" within `graceMs`. Resolves when all are gone. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#turns.stop();
    clearTimeout(this.#timer);
    clearInterval(this.#review);
    for (const process of this.#processes) {
      for (const slot of process.slots) slot.hasJob ? slot.cancel("shutdown", graceMs) : process.release(slot);
      if (process.slots.size === 0) this.#endAll([process]);
      else process.retire();
    }
    const gone = Promise.all([this.#spares.stop(), ...[...this.#processes].map((process) => process.gone)]);
    if (await settlesWithin(gone, graceMs + KILL_MARGIN_MS)) return;
    for (const process of this.#processes) process.kill("pool_stopped");
    await gone;
  }

  #hasToStart(agent: string): boolean {
    const lane = this.#lanes.get(agent);
    return lane !== undefined && lane.room === 0 && (this.#spares.count === 0 || !mayAdopt(lane.agent));
  }

  #startForJob(lane: SlotLane): SlotProcess {
    const process = this.#start(lane, true);
    this.#turns.started(process);
    return process;
  }

  #start(lane: SlotLane, isCold: boolean): SlotProcess {
    const { settings, logger } = this.#options;
    const { agent } = lane;
    const jobsAtOnce = this.#jobsAtOnce(agent);
    const memoryLimitMb = agent.memoryLimitMb ?? settings.jobMemoryLimitMb;
    const heapLimitMb = agent.heapLimitMb ?? settings.jobHeapLimitMb;
    const process = new SlotProcess({
      agent: agent.name,
      child: this.#child(agent, isCold),
      isCold,
      loadTimeoutMs: settings.slotStartTimeoutMs,
      logger,
      jobsAtOnce,
      maxJobs: agent.isolation === "inline" ? Infinity : jobsAtOnce === 1 ? 1 : settings.processMaxJobs,
      memoryLimitBytes: memoryLimitMb === 0 ? null : memoryLimitMb * BYTES_PER_MB,
      heapLimitBytes: heapLimitMb === 0 ? null : heapLimitMb * BYTES_PER_MB,
      maxGrowthBytes: settings.processMaxGrowthMb * BYTES_PER_MB,
    });
    this.#processes.add(process);
    lane.processes.push(process);
    process.onChange = () => this.#changed(lane, process);
    process.onWarm = (loadMs) => lane.loaded(loadMs);
    void process.gone.then(({ failure }) => this.#gone(lane, process, failure));
    return process;
  }

  #child(agent: PoolAgent, isCold: boolean): AgentChild {
    if (agent.isolation === "inline") {
      const agentVersion = agent.version ?? "";
      return new InlineChild({ ...this.#slotArguments(agent, false), agentVersion }, this.#options.logger);
    }
    const spare = isCold && mayAdopt(agent) ? this.#spares.adopt(agent.file, this.#jobsAtOnce(agent)) : null;
    return spare ?? this.#spawn(agent, !isCold);
  }

  #spawn(agent: PoolAgent | null, prime: boolean): AgentChild {
    const { settings, environment } = this.#options;
    const heapLimitMb = agent?.heapLimitMb ?? settings.jobHeapLimitMb;
    const permissions = agent?.osPermissions ?? DEFAULT_OS_PERMISSIONS;
    const kind = { entry: "slot", args: this.#slotArguments(agent, prime) } as const;
    return spawnChild(environment, kind, permissions, { heapLimitMb });
  }

  #slotArguments(agent: PoolAgent | null, prime: boolean) {
    const { rtcLogs, connectTimeoutMs, maxLogLinesPerJob: maxLogLines } = this.#options.settings;
    const jobsAtOnce = agent === null ? 1 : this.#jobsAtOnce(agent);
    return { agentFile: agent?.file ?? null, jobsAtOnce, prime, rtcLogs, connectTimeoutMs, maxLogLines };
  }

  #jobsAtOnce(agent: PoolAgent): number {
    return jobsAtOnceOf(agent, this.#options.settings.maxConcurrentJobs);
  }

  #changed(lane: SlotLane, process: SlotProcess): void {
    this.#turns.changed();
    for (const slot of process.slots) if (slot.hasEntered) lane.worked();
    for (const recent of this.#recent) {
      if (recent.slot.hasEntered) recent.enteredAtMs ??= performance.now();
      if (recent.slot.hasConnected) recent.connectedAtMs ??= performance.now();
    }
    this.#refill();
  }

  #gone(lane: SlotLane, process: SlotProcess, failure: string | null): void {
    this.#processes.delete(process);
    this.#turns.changed();
    const index = lane.processes.indexOf(process);
    if (index !== -1) lane.processes.splice(index, 1);
    if (failure !== null && !this.#isStopped) {
      lane.failed(failure, performance.now());
      this.#options.logger.warn("a slot failed before it had a job", { agent: process.agent, error: failure });
    }
    this.#refill();
  }

  /** Starts and ends idle processes towards the plan; comes back when time, not a change of a slot, lets it go on. */
  #refill(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    const nowMs = performance.now();
    const pressure = this.#plan(nowMs);
    const quietAtMs = this.#turns.isBusy ? nowMs + BURST_LOOK_MS : this.#quietAtMs(nowMs);
    if (quietAtMs > nowMs) return this.#refillAt(quietAtMs, nowMs);
    this.#loading = this.#loading.filter(({ process, sinceMs }) =>
      process.state === "loading" && sinceMs + SLOW_LOAD_MS > nowMs
    );
    let nextMs = Math.min(Infinity, ...this.#loading.map(({ sinceMs }) => sinceMs + SLOW_LOAD_MS));
    for (const lane of this.#lanes.values()) {
      if (lane.room >= lane.wanted) continue;
      if (lane.retryAtMs > nowMs) nextMs = Math.min(nextMs, lane.retryAtMs);
      else this.#fill(lane, nowMs);
    }
    if (this.#loading.length === 0) nextMs = Math.min(nextMs, this.#refillSpares(nowMs, pressure === "none"));
    this.#refillAt(nextMs, nowMs);
  }

  /** One at a time, after the warm slots. Returns when to look again. */
  #refillSpares(nowMs: number, isAffordable: boolean): number {
    const isUseful = isAffordable && [...this.#lanes.values()].some(({ agent }) => mayAdopt(agent));
    const isStarted = this.#spares.refill(isUseful ? this.#options.settings.spareProcesses : 0, nowMs);
    return isStarted ? nowMs + SPARE_EVERY_MS : Infinity;
  }

  #fill(lane: SlotLane, nowMs: number): void {
    while (lane.room < lane.wanted && this.#loading.length < MAX_LOADING) {
      const process = this.#start(lane, false);
      this.#loading.push({ process, sinceMs: nowMs });
    }
  }

  #plan(nowMs: number) {
    const { settings, availableMemoryBytes } = this.#options;
    const pressure = memoryPressure(availableMemoryBytes?.() ?? null, settings.minFreeMemoryMb * BYTES_PER_MB);
    const lanes = [...this.#lanes.values()];
    const demands = lanes.map((lane) => {
      const { agent, lastUsedMs, loadMs, taken } = lane;
      lane.demand = recentDemand(lane.demand, nowMs);
      return {
        agent: agent.name,
        warmSlots: agent.warmSlots,
        lastUsedMs,
        peakStarts: peakStarts(lane.demand, loadMs),
        freeJobs: Math.max(0, (agent.maxJobs ?? Infinity) - taken),
        jobsPerProcess: this.#jobsAtOnce(agent),
      };
    });
    const plan = planWarmSlots(demands, settings.maxWarmSlots, pressure);
    for (const lane of lanes) {
      lane.wanted = plan.get(lane.agent.name) ?? 0;
      this.#endAll(lane.surplus());
    }
    return pressure;
  }

  /** When the started jobs no longer mind a child that loads beside them. */
  #quietAtMs(nowMs: number): number {
    const quietAt = ({ slot, takenAtMs, enteredAtMs, connectedAtMs }: RecentStart): number => {
      if (slot.state === "finishing" || slot.state === "gone") return 0;
      if (connectedAtMs !== null) return connectedAtMs + ANNOUNCE_QUIET_MS;
      return enteredAtMs === null ? takenAtMs + PENDING_LIMIT_MS : enteredAtMs + CONNECT_QUIET_MS;
    };
    this.#recent = this.#recent.filter((recent) => quietAt(recent) > nowMs);
    return Math.max(0, ...this.#recent.map(quietAt));
  }

  #refillAt(atMs: number, nowMs: number): void {
    if (atMs === Infinity) return;
    this.#timer = setTimeout(() => this.#refill(), Math.max(1, atMs - nowMs));
  }

  /** They take no more jobs; those without one end now. */
  #retireAll(lane: SlotLane): void {
    for (const process of lane.processes) {
      process.retire();
      if (process.slots.size === 0) this.#endAll([process]);
    }
  }

  #endAll(processes: readonly SlotProcess[]): void {
    for (const process of processes) {
      process.end().catch((error) =>
        this.#options.logger.error("could not end an idle process", { agent: process.agent, error })
      );
    }
  }
}

/** Inline there is no process to be full: as many as may run at all. */
function jobsAtOnceOf({ isolation, jobsPerProcess = 1, maxJobs }: PoolAgent, maxConcurrentJobs: number): number {
  return isolation === "inline" ? Math.min(maxJobs ?? Infinity, maxConcurrentJobs) : jobsPerProcess;
}

/** Spares are started with the default permissions and heap. */
function mayAdopt(agent: PoolAgent): boolean {
  const hasOwnHeap = agent.heapLimitMb !== undefined && agent.heapLimitMb !== null;
  return agent.isolation !== "inline" && !hasOwnHeap && SpareChildren.serves(agent.osPermissions);
}

/** Whether a process started for one would do for the other. */
function startsAlike(a: PoolAgent, b: PoolAgent): boolean {
  const start = ({ file, version, osPermissions, isolation, jobsPerProcess, memoryLimitMb, heapLimitMb }: PoolAgent) =>
    JSON.stringify([file, version, osPermissions, isolation, jobsPerProcess, memoryLimitMb, heapLimitMb]);
  return start(a) === start(b);
}
