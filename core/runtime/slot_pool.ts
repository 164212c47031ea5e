/**
 * Keeps warm slots ready and hands them out. `take` never waits: it gives a warm slot, else one that is loading, else it
 * starts a cold one; how many jobs may run is admission's business, not the pool's.
 *
 * A taken slot's place is filled again when it costs no caller anything: not while a start is pending, nor until the last
 * started job has connected and said so, ended, or been running for CONNECT_QUIET_MS (measured: loading a child beside a
 * connect slows the connect). All agents together have at most `maxWarmSlots`; a slot that dies unused is replaced, with back-off.
 */
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { AgentChild } from "./child_process.ts";
import { DEFAULT_OS_PERMISSIONS, type OsPermissions } from "./child_permissions.ts";
import { Slot } from "./slot.ts";
import { type LaneSnapshot, type PoolAgent, SlotLane } from "./slot_lane.ts";
import { SpareChildren } from "./spare_children.ts";
import { type ChildEnvironment, spawnChild } from "./spawn_child.ts";
import { planWarmSlots } from "./warm_plan.ts";

export type { LaneSnapshot, PoolAgent } from "./slot_lane.ts";

export type SlotPoolSettings = Pick<
  Config,
  "maxWarmSlots" | "spareProcesses" | "slotStartTimeoutMs" | "connectTimeoutMs" | "rtcLogs" | "maxLogLinesPerJob"
>;

export interface SlotPoolOptions {
  settings: SlotPoolSettings;
  environment: ChildEnvironment;
  logger: Logger;
}

/** A started job, for the rule above. */
interface RecentStart {
  slot: Slot;
  takenAtMs: number;
  enteredAtMs: number | null;
  connectedAtMs: number | null;
}

const CONNECT_QUIET_MS = 300;
/** Starting a process holds this one's event loop for about 10 ms: not between a job's `connected` and its `ready`. */
const ANNOUNCE_QUIET_MS = 50;
/** A start that is pending for longer (a slow cold agent) holds nobody else back. */
const PENDING_LIMIT_MS = 3_000;
/** Slots that load at once to refill; one that takes longer than SLOW_LOAD_MS does not count any more. */
const MAX_LOADING = 2;
const SLOW_LOAD_MS = 2_000;
/** Between the starts of two spare processes. */
const SPARE_EVERY_MS = 250;
/** What killing takes, beyond the grace of a stop. */
const KILL_MARGIN_MS = 2_000;

export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #lanes = new Map<string, SlotLane>();
  readonly #slots = new Set<Slot>();
  readonly #spares: SpareChildren;
  #lastTurn: Promise<void> = Promise.resolve();
  #recent: RecentStart[] = [];
  #loading: { slot: Slot; sinceMs: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: SlotPoolOptions) {
    this.#options = options;
    this.#spares = new SpareChildren(() => this.#spawn(null, DEFAULT_OS_PERMISSIONS, true), options.logger);
  }

  /** Replaces the set of agents. One whose file or permissions changed gets new warm slots; running jobs go on. */
  setAgents(agents: readonly PoolAgent[]): void {
    const names = new Set(agents.map(({ name }) => name));
    for (const [name, lane] of this.#lanes) {
      if (names.has(name)) continue;
      this.#lanes.delete(name);
      this.#endAll(lane.idle.splice(0));
    }
    for (const agent of agents) {
      const lane = this.#lanes.get(agent.name);
      if (!lane) this.#lanes.set(agent.name, new SlotLane(agent));
      else {
        if (!startsAlike(lane.agent, agent)) this.#endAll(lane.idle.splice(0));
        lane.agent = agent;
      }
    }
    this.#refill();
  }

  /**
   * Resolves when `take` should be called: at once when a slot or a spare waits, else one caller after another, with a turn
   * of the event loop between. Starting a process holds the loop for up to 40 ms, and the jobs of a burst that got a warm
   * slot shall not wait for the processes of those that did not.
   */
  async turnToTake(agent: string): Promise<void> {
    const lane = this.#lanes.get(agent);
    const hasSpare = lane !== undefined && this.#spares.count > 0 && SpareChildren.serves(lane.agent.osPermissions);
    if (lane === undefined || lane.idle.length > 0 || hasSpare) return;
    this.#lastTurn = this.#lastTurn.then(() => new Promise((resolve) => setTimeout(resolve, 0)));
    await this.#lastTurn;
  }

  /** A slot for one job of this agent, to be `run` or given back by `release`. Throws when there is no such agent. */
  take(agent: string): Slot {
    const lane = this.#lanes.get(agent);
    if (!lane) throw new Error(`Cannot take a slot: this instance has no agent "${agent}"`);
    if (this.#isStopped) throw new Error("Cannot take a slot: this instance is stopping");
    const nowMs = performance.now();
    const slot = lane.takeIdle() ?? this.#start(lane, true);
    this.#loading = this.#loading.filter((each) => each.slot !== slot);
    lane.lastUsedMs = nowMs;
    lane.busy.add(slot);
    this.#recent.push({ slot, takenAtMs: nowMs, enteredAtMs: null, connectedAtMs: null });
    return slot;
  }

  /** Gives back a taken slot that was not run. */
  release(slot: Slot): void {
    const lane = this.#lanes.get(slot.agent);
    this.#recent = this.#recent.filter((recent) => recent.slot !== slot);
    if (lane?.busy.delete(slot) && slot.state !== "gone") lane.idle.push(slot);
    else this.#endAll([slot]);
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
    const ofSlots = [...this.#slots].flatMap(({ pid, state }) => pid === null || state === "gone" ? [] : [pid]);
    return [...ofSlots, ...this.#spares.pids()];
  }

  /** Ends every child: idle ones at once, running jobs as cancelled by "shutdown" within `graceMs`. Resolves when all are gone. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const lane of this.#lanes.values()) {
      this.#endAll(lane.idle.splice(0));
      for (const slot of lane.busy) slot.cancel("shutdown", graceMs);
    }
    const gone = Promise.all([this.#spares.stop(), ...[...this.#slots].map((slot) => slot.gone)]);
    if (await settlesWithin(gone, graceMs + KILL_MARGIN_MS)) return;
    for (const slot of this.#slots) slot.kill("pool_stopped");
    await gone;
  }

  #start(lane: SlotLane, isCold: boolean): Slot {
    const { settings, logger } = this.#options;
    const { agent } = lane;
    const spare = isCold && SpareChildren.serves(agent.osPermissions) ? this.#spares.adopt(agent.file) : null;
    const child = spare ?? this.#spawn(agent.file, agent.osPermissions, !isCold);
    const slot = new Slot({ agent: agent.name, child, isCold, loadTimeoutMs: settings.slotStartTimeoutMs, logger });
    this.#slots.add(slot);
    slot.onChange = () => this.#changed(lane, slot);
    void slot.gone.then(({ loadError }) => this.#gone(lane, slot, loadError));
    return slot;
  }

  #spawn(agentFile: string | null, permissions: OsPermissions, prime: boolean): AgentChild {
    const { settings: { rtcLogs, connectTimeoutMs, maxLogLinesPerJob: maxLogLines }, environment } = this.#options;
    const args = { agentFile, prime, rtcLogs, connectTimeoutMs, maxLogLines };
    return spawnChild(environment, { entry: "slot", args }, permissions);
  }

  #changed(lane: SlotLane, slot: Slot): void {
    if (slot.state === "warm") lane.lastError = null;
    if (slot.hasEntered) {
      lane.worked();
      for (const recent of this.#recent) {
        if (recent.slot !== slot) continue;
        recent.enteredAtMs ??= performance.now();
        if (slot.hasConnected) recent.connectedAtMs ??= performance.now();
      }
    }
    this.#refill();
  }

  #gone(lane: SlotLane, slot: Slot, loadError: string | null): void {
    this.#slots.delete(slot);
    lane.busy.delete(slot);
    const wasIdle = lane.idle.includes(slot);
    if (wasIdle) lane.idle.splice(lane.idle.indexOf(slot), 1);
    const error = loadError ?? (wasIdle ? "A warm slot's process ended before it had a job" : null);
    if (error !== null && !this.#isStopped) {
      lane.failed(error, performance.now());
      this.#options.logger.warn("a slot failed before it had a job", { agent: slot.agent, error });
    }
    this.#refill();
  }

  /** Starts and ends idle slots towards the plan; comes back when time, not a change of a slot, lets it go on. */
  #refill(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    const nowMs = performance.now();
    this.#plan();
    const quietAtMs = this.#quietAtMs(nowMs);
    if (quietAtMs > nowMs) return this.#refillAt(quietAtMs, nowMs);
    this.#loading = this.#loading.filter(({ slot, sinceMs }) =>
      slot.state === "loading" && sinceMs + SLOW_LOAD_MS > nowMs
    );
    let nextMs = Math.min(Infinity, ...this.#loading.map(({ sinceMs }) => sinceMs + SLOW_LOAD_MS));
    for (const lane of this.#lanes.values()) {
      if (lane.idle.length >= lane.wanted) continue;
      if (lane.retryAtMs > nowMs) nextMs = Math.min(nextMs, lane.retryAtMs);
      else this.#fill(lane, nowMs);
    }
    if (this.#loading.length === 0) nextMs = Math.min(nextMs, this.#refillSpares(nowMs));
    this.#refillAt(nextMs, nowMs);
  }

  /** One at a time, after the warm slots. Returns when to look again. */
  #refillSpares(nowMs: number): number {
    const isUseful = [...this.#lanes.values()].some(({ agent }) => SpareChildren.serves(agent.osPermissions));
    const isStarted = this.#spares.refill(isUseful ? this.#options.settings.spareProcesses : 0, nowMs);
    return isStarted ? nowMs + SPARE_EVERY_MS : Infinity;
  }

  #fill(lane: SlotLane, nowMs: number): void {
    while (lane.idle.length < lane.wanted && this.#loading.length < MAX_LOADING) {
      const slot = this.#start(lane, false);
      lane.idle.push(slot);
      this.#loading.push({ slot, sinceMs: nowMs });
    }
  }

  #plan(): void {
    const lanes = [...this.#lanes.values()];
    const demands = lanes.map(({ agent, lastUsedMs }) => ({
      agent: agent.name,
      warmSlots: agent.warmSlots,
      lastUsedMs,
    }));
    const plan = planWarmSlots(demands, this.#options.settings.maxWarmSlots);
    for (const lane of lanes) {
      lane.wanted = plan.get(lane.agent.name) ?? 0;
      this.#endAll(lane.takeSurplus());
    }
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

  #endAll(slots: readonly Slot[]): void {
    for (const slot of slots) {
      slot.end().catch((error) =>
        this.#options.logger.error("could not end an idle slot", { agent: slot.agent, error })
      );
    }
  }
}

function startsAlike(a: PoolAgent, b: PoolAgent): boolean {
  return a.file === b.file && JSON.stringify(a.osPermissions) === JSON.stringify(b.osPermissions);
}
