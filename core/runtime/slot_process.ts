/**
 * One process of an agent and the slots in it: loads the agent, has room for `jobsAtOnce` jobs, and ends.
 *
 *   loading ─▶ warm ─▶ gone          retired: takes no more jobs, and ends when its last one has left
 *
 * - Usually one job in its whole life; with more at once it is replaced after `maxJobs`, or when its memory has grown by
 *   `maxGrowthBytes`, or when a job left something behind. Its death ends all its jobs, each with its own record.
 * - Looked at each second: stuck (child_liveness.ts) or above its memory limit (memory_verdict.ts) it is killed. The
 *   limit is per job, so for several jobs their sum. At 80 % the jobs are flagged and garbage is collected.
 * - Loading has a deadline, at which it is killed.
 */
import type { Logger } from "../lifecycle/logger.ts";
import { ALIVE, type Liveness, nextLiveness, PING_INTERVAL_MS } from "./child_liveness.ts";
import type { AgentChild, ChildExit } from "./child_process.ts";
import { classifyExit, type KillCause } from "./classify_exit.ts";
import { Deadline } from "./deadline.ts";
import type { JobFailure } from "./job_end.ts";
import { SNAPSHOT_LIMIT_MS } from "../telemetry/profile.ts";
import { isStarvedOfMemory, judgeMemory, type MemoryVerdict } from "./memory_verdict.ts";
import type { ChildMessage, ParentMessage } from "./messages.ts";
import { isHalted, type ProcessStat, readProcessStat } from "./process_stat.ts";
import { Slot, type SlotHost } from "./slot.ts";
import { storableText } from "./slot_reports.ts";

/** How a process went. */
export interface ProcessGone {
  exit: ChildExit;
  /** Why it went without a job although nobody wanted it to; null otherwise. */
  failure: string | null;
}

export interface SlotProcessOptions {
  agent: string;
  child: AgentChild;
  /** Started for a waiting job: it is not primed. */
  isCold: boolean;
  /** Limit of loading the agent and its prewarm. */
  loadTimeoutMs: number;
  logger: Logger;
  /** Jobs that it holds at a time. */
  jobsAtOnce?: number;
  /** Jobs in its life. */
  maxJobs?: number;
  /** Of one job; null: none. */
  memoryLimitBytes?: number | null;
  /** Of V8's heap; null: V8's own. */
  heapLimitBytes?: number | null;
  /** How much it may grow after it got warm before it takes no more jobs. */
  maxGrowthBytes?: number;
  now?: () => Date;
}

const IDLE_END_LIMIT_MS = 1_000;
/** A warm process that has owed an answer for longer is passed over while there are others. */
const PASS_OVER_AFTER_MS = 250;
const DIED_IDLE = "A warm slot's process ended before it had a job";
const BYTES_PER_MB = 1_048_576;

export class SlotProcess implements SlotHost {
  readonly agent: string;
  readonly isCold: boolean;
  readonly jobsAtOnce: number;
  /** Resolves when the process is gone and its output read. Never rejects. */
  readonly gone: Promise<ProcessGone>;
  /** Called after each change of its state or of one of its slots. */
  onChange: () => void = () => {};
  /** Called once, with the time from its start to warm. */
  onWarm: (loadMs: number) => void = () => {};
  readonly slots = new Set<Slot>();
  readonly #options: SlotProcessOptions;
  readonly #child: AgentChild;
  readonly #logger: Logger;
  readonly #deadline = new Deadline<KillCause>((cause) => this.kill(cause));
  readonly #timer: ReturnType<typeof setInterval>;
  #state: "loading" | "warm" | "gone" = "loading";
  #wasWarm = false;
  #wasIdle = false;
  #jobsTaken = 0;
  #isRetired = false;
  #isEnding = false;
  #exit: ChildExit | null = null;
  #loadError: string | null = null;
  #killedFor: KillCause | null = null;
  #killDetail: string | null = null;
  #liveness: Liveness = ALIVE;
  #lastLookMs = performance.now();
  #excusedUntilMs = 0;
  #memory: MemoryVerdict = "fine";
  #rssBytes = 0;
  #rssBytesWhenWarm: number | null = null;

  constructor(options: SlotProcessOptions) {
    this.#options = options;
    const { agent, child, isCold, jobsAtOnce = 1, loadTimeoutMs, logger } = options;
    this.agent = agent;
    this.isCold = isCold;
    this.jobsAtOnce = jobsAtOnce;
    this.#child = child;
    this.#logger = logger.with({ agent, pid: child.pid });
    child.onMessage = (message) => this.#receive(message);
    child.onOutput = (stream, line) => this.#output(stream === "stderr" ? "warn" : "info", line);
    this.#deadline.set(loadTimeoutMs, "load_timeout");
    this.#timer = setInterval(() => this.#look(), PING_INTERVAL_MS);
    void child.exited.then(() => this.#exited());
    this.gone = child.drained.then((exit) => this.#drained(exit));
  }

  get state(): "loading" | "warm" | "gone" {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child.pid;
  }

  get exit(): ChildExit | null {
    return this.#exit;
  }

  /** At the last look; 0 before. */
  get rssBytes(): number {
    return this.#rssBytes;
  }

  /** How many more jobs it takes. */
  get room(): number {
    if (this.#state === "gone" || this.#isRetired || this.#isEnding) return 0;
    const { maxJobs = this.jobsAtOnce } = this.#options;
    return Math.max(0, Math.min(this.jobsAtOnce - this.slots.size, maxJobs - this.#jobsTaken));
  }

  /** Whether a job should be given to it now: it answers, and is neither stopped nor dead and not yet buried. */
  isFit(): boolean {
    if (this.#child.pongOwedMs > PASS_OVER_AFTER_MS) return false;
    return this.pid === null || !isHalted(readProcessStat(this.pid));
  }

  /** Takes room for one job. Throws when there is none. */
  open(): Slot {
    if (this.room === 0) throw new Error(`Cannot take a slot: this process of ${this.agent} has no room`);
    const slot = new Slot(this, this.#logger, this.#options.now);
    this.slots.add(slot);
    this.#jobsTaken++;
    return slot;
  }

  /** Gives back a slot that was not run. */
  release(slot: Slot): void {
    if (slot.hasJob || !this.slots.delete(slot)) return;
    this.#jobsTaken--;
    this.#endWhenDone();
  }

  /** It takes no more jobs, and ends when it has none. */
  retire(): void {
    this.#isRetired = true;
    this.#endWhenDone();
  }

  /** Ends a process without jobs. */
  async end(): Promise<void> {
    const [slot] = this.slots;
    if (slot) throw new Error(`Cannot end the process: it has job ${slot.jobId ?? "(none yet)"}; cancel it`);
    this.#isEnding = true;
    await this.#child.end(IDLE_END_LIMIT_MS);
  }

  /** Kills the process now. @param detail said in the failure instead of the usual text. */
  kill(cause: KillCause, detail: string | null = null): void {
    this.#killedFor ??= cause;
    this.#killDetail ??= detail;
    this.#logger.warn("killing an agent process", { cause, detail, jobs: [...this.slots].map(({ jobId }) => jobId) });
    this.#child.kill("SIGKILL");
  }

  send(message: ParentMessage): boolean {
    // V8 stops a process for its heap snapshot, and takes memory for it: neither is the job's fault.
    if (message.type === "profile" && message.request.kind === "heap") {
      this.#excusedUntilMs = performance.now() + SNAPSHOT_LIMIT_MS;
    }
    return this.#child.send(message);
  }

  sample(): void {
    const stat = this.pid === null ? null : readProcessStat(this.pid);
    if (stat !== null) this.#note(stat);
  }

  changed(): void {
    this.onChange();
  }

  giveUp(slot: Slot, cause: KillCause): void {
    if (![...this.slots].some((other) => other !== slot && other.hasJob)) return this.kill(cause);
    this.#logger.warn("a job is given up; its process has others and takes no more", { cause, job: slot.jobId });
    this.#isRetired = true;
    slot.abandon(cause);
  }

  closed(slot: Slot): void {
    if (!this.slots.delete(slot)) return;
    if (this.#options.maxJobs !== undefined && this.#jobsTaken >= this.#options.maxJobs) this.#isRetired = true;
    if (this.#hasGrown()) this.#isRetired = true;
    this.#endWhenDone();
    this.changed();
  }

  classify(exit: ChildExit, hasEntered: boolean, killedFor: KillCause | null = this.#killedFor): JobFailure {
    return classifyExit({
      ...exit,
      stderrTail: storableText(this.#child.stderrTail),
      hasEntered,
      loadError: this.#loadError,
      killedFor,
      killDetail: this.#killDetail,
    });
  }

  #receive(message: ChildMessage): void {
    if (message.type === "warm") return this.#warm();
    if (message.type === "broken") return void (this.#loadError ??= storableText(message.error));
    const slot = this.#slotOf(message);
    if (message.type === "log") {
      if (slot) slot.receive(message);
      else this.#logger.debug("agent output outside a job", { output: message.message });
      return;
    }
    if (slot === null) {
      return this.#logger.warn("an agent process sent a message that does not fit its state", { type: message.type });
    }
    if (message.type === "entered") this.#warm();
    if (message.type === "left" && !message.isClean) this.#isRetired = true;
    slot.receive(message);
  }

  /** The slot of the message's job; a log line that says none belongs to the only job there is. */
  #slotOf(message: ChildMessage): Slot | null {
    const jobId = "jobId" in message ? message.jobId : undefined;
    if (jobId === undefined) return this.slots.size === 1 ? [...this.slots][0] ?? null : null;
    return [...this.slots].find((slot) => slot.jobId === jobId) ?? null;
  }

  #warm(): void {
    if (this.#state !== "loading") return;
    this.#state = "warm";
    this.#wasWarm = true;
    this.#deadline.clear();
    this.onWarm(performance.now() - this.#child.startedAtMs);
    for (const slot of this.slots) slot.processWarm();
    this.changed();
  }

  #output(level: "info" | "warn", text: string): void {
    this.#receive({ type: "log", level, message: text, at: (this.#options.now?.() ?? new Date()).getTime() });
  }

  #look(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#lastLookMs;
    this.#lastLookMs = nowMs;
    const stat = this.pid === null ? null : readProcessStat(this.pid);
    const isExcused = nowMs < this.#excusedUntilMs;
    if (isExcused) this.#liveness = ALIVE;
    const rssBytes = stat === null ? null : this.#note(stat);
    if (rssBytes !== null && !isExcused) this.#weigh(rssBytes);
    if (this.#state !== "warm") return;
    if (this.slots.size === 0 && isHalted(stat) && this.#killedFor === null) return this.kill("unresponsive");
    const cpuMs = stat?.cpuMs ?? null;
    const next = nextLiveness(this.#liveness, { hasAnswered: !this.#child.owesPong, elapsedMs, cpuMs });
    this.#liveness = next.liveness;
    this.#child.ping();
    if (next.isStuck && !isExcused && this.#killedFor === null) this.#killStuck();
  }

  #note({ rssBytes, cpuMs }: ProcessStat): number {
    this.#rssBytes = rssBytes;
    if (this.#state === "warm") this.#rssBytesWhenWarm ??= rssBytes;
    for (const slot of this.slots) slot.sampled(rssBytes, cpuMs);
    return rssBytes;
  }

  #weigh(rssBytes: number): void {
    const limitBytes = this.#limitBytes();
    const verdict = judgeMemory(this.#memory, rssBytes, limitBytes);
    const hasRisen = this.#memory === "fine" && verdict !== "fine";
    this.#memory = verdict;
    if (limitBytes === null || verdict === "fine") return;
    const use = `${toMb(rssBytes)} of ${toMb(limitBytes)} MB`;
    if (verdict === "over") {
      if (this.#killedFor !== null) return;
      return this.kill("memory_limit", `The agent's process used ${use} of memory, so it was killed`);
    }
    if (hasRisen || verdict === "last_chance") this.#child.send({ type: "collect" });
    if (!hasRisen) return;
    const jobs = [...this.slots].map(({ jobId }) => jobId);
    this.#logger.warn("an agent process uses much memory", { use, jobs });
    for (const slot of this.slots) slot.flag("memory_high", `The agent's process uses ${use} of memory`);
  }

  #killStuck(): void {
    const { heapLimitBytes = null } = this.#options;
    const [limitBytes, rssBytes] = [this.#limitBytes(), this.#rssBytes];
    const isStarved = isStarvedOfMemory({ rssBytes, idleBytes: this.#rssBytesWhenWarm, limitBytes, heapLimitBytes });
    if (!isStarved) return this.kill("unresponsive");
    const limits = [
      ...(limitBytes === null ? [] : [`${toMb(limitBytes)} MB of memory`]),
      ...(heapLimitBytes === null ? [] : [`${toMb(heapLimitBytes)} MB of heap`]),
    ].join(" and ");
    const what = `answered no more while it used ${toMb(rssBytes)} MB (its limit: ${limits})`;
    this.kill("memory_limit", `The agent's process ${what}, so it was killed`);
  }

  #limitBytes(): number | null {
    const { memoryLimitBytes = null } = this.#options;
    return memoryLimitBytes === null ? null : memoryLimitBytes * Math.max(1, this.slots.size);
  }

  #hasGrown(): boolean {
    const { maxGrowthBytes = Infinity } = this.#options;
    return this.#rssBytesWhenWarm !== null && this.#rssBytes - this.#rssBytesWhenWarm > maxGrowthBytes;
  }

  /** One that runs a single job ends by itself when that has left. */
  #endWhenDone(): void {
    const endsByItself = this.jobsAtOnce === 1 && this.#jobsTaken > 0;
    if (!this.#isRetired || this.slots.size > 0 || endsByItself || this.#state === "gone") return;
    this.end().catch((error) => this.#logger.error("could not end a retired process", { error }));
  }

  #exited(): void {
    this.#state = "gone";
    this.#wasIdle = this.slots.size === 0 && !this.#isEnding;
    clearInterval(this.#timer);
    this.#deadline.clear();
    for (const slot of this.slots) slot.processExited();
    // One that dies unused is replaced when it is known why (`gone`), not before.
    if (!this.#wasIdle) this.onChange();
  }

  #drained(exit: ChildExit): ProcessGone {
    this.#exit = exit;
    for (const slot of this.slots) slot.processDrained(exit);
    const failure = this.#wasWarm || this.#isEnding
      ? this.#wasIdle ? DIED_IDLE : null
      : this.classify(exit, false).message;
    return { exit, failure };
  }
}

function toMb(bytes: number): number {
  return Math.round(bytes / BYTES_PER_MB);
}
