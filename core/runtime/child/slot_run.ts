/**
 * What a slot's child does: loads one agent, then runs the jobs that it is given, one or several at a time. The process
 * around it is slot_child.ts; an inline agent has none (inline_child.ts).
 */
import type { SlotContext } from "../../agent/job_context.ts";
import type { JobStart, ParentMessage } from "../messages.ts";
import type { SlotArguments } from "./child_arguments.ts";
import type { ChildChannel } from "./child_channel.ts";
import { ChildProfiler } from "./child_profiler.ts";
import { captureConsole, currentOutput } from "./console_capture.ts";
import { errorText } from "./error_text.ts";
import { HeldJob, type LoadedAgent } from "./held_job.ts";
import { JobOutput } from "./job_output.ts";
import { loadAgent } from "./load_agent.ts";
import { quietRtc, setRtcEnvironment } from "./quiet_rtc.ts";

export class SlotRun {
  readonly #channel: ChildChannel;
  readonly #args: SlotArguments;
  /** Of loading, and of what belongs to no job. */
  readonly #output: JobOutput;
  readonly #agentFile = Promise.withResolvers<string>();
  readonly #brokenBy = Promise.withResolvers<never>();
  readonly #over = Promise.withResolvers<void>();
  readonly #jobs = new Map<string, HeldJob>();
  readonly #profiler: ChildProfiler;
  #loaded: LoadedAgent | null = null;
  #isAdopted = false;
  #jobsAtOnce: number;
  /** An error that belongs to no job has left the process in an unknown state. */
  #isTainted = false;

  constructor(channel: ChildChannel, args: SlotArguments) {
    this.#channel = channel;
    this.#args = args;
    this.#jobsAtOnce = args.jobsAtOnce;
    this.#profiler = new ChildProfiler((message) => void channel.send(message));
    this.#output = new JobOutput((message) => void channel.send(message), args.maxLogLines);
    if (args.agentFile !== null) this.#agentFile.resolve(args.agentFile);
    this.#brokenBy.promise.catch(() => {/* raced while loading; later errors belong to jobs */});
  }

  /** Whether it has no job. */
  get isIdle(): boolean {
    return this.#jobs.size === 0;
  }

  /** Whether the code that runs now, or that an event is about, is that of one of its jobs. */
  ownsCurrentCode(): boolean {
    const output = currentOutput();
    return output !== undefined && [...this.#jobs.values()].some((held) => held.output === output);
  }

  /** A process of its own: loads, runs, and gives the exit code when it is over. Never rejects. */
  async toItsEnd(): Promise<number> {
    captureConsole(() => this.#onlyJob()?.output ?? this.#output);
    setRtcEnvironment();
    const error = await this.load();
    if (error !== null) {
      await this.#channel.sendLast({ type: "broken", error });
      return 1;
    }
    await this.#over.promise;
    return 0;
  }

  /** Loads the agent, says `warm` and begins with the jobs that wait. Gives the error when it can't. Never rejects. */
  async load(): Promise<string | null> {
    try {
      this.#loaded = await Promise.race([this.#load(), this.#brokenBy.promise]);
    } catch (error) {
      return errorText(error);
    }
    this.#channel.send({ type: "warm" });
    for (const [jobId, held] of this.#jobs) void this.#runJob(jobId, held, this.#loaded);
    return null;
  }

  handle(message: ParentMessage): void {
    if (message.type === "adopt") {
      this.#isAdopted = true;
      this.#jobsAtOnce = message.jobsAtOnce;
      this.#agentFile.resolve(message.agentFile);
    } else if (message.type === "start") this.#hold(message.job);
    else if (message.type === "collect") void this.#collect();
    else if (message.type === "validate" || message.type === "hook" || message.type === "ping") return;
    else if (message.type === "profile" || message.type === "profile_next") this.#profiler.receive(message);
    else this.#jobs.get(message.jobId)?.handle(message);
  }

  /** The parent is gone. Jobs clean up in the little time that is left; false when there is none. */
  orphaned(): boolean {
    for (const held of this.#jobs.values()) held.orphaned();
    return [...this.#jobs.values()].some(({ isRunning }) => isRunning);
  }

  /**
   * An error that nobody caught breaks an agent that loads, and fails the job whose code it comes from. When that can't be
   * told and there are several, none is failed for it; but each hears of it, and the process takes no more.
   * @returns false when it belongs to nothing here.
   */
  failUncaught(error: unknown): boolean {
    const output = currentOutput();
    const own = [...this.#jobs.values()].find((held) => held.output === output) ?? this.#onlyJob();
    if (own?.isRunning) own.failUncaught(error);
    else if (this.#loaded === null) this.#brokenBy.reject(error);
    else {
      this.#isTainted = true;
      for (const held of this.#jobs.values()) {
        held.output.error("An error that no job can be blamed for was not caught in this job's process", { error });
      }
      return this.#jobs.size > 0;
    }
    return true;
  }

  #onlyJob(): HeldJob | null {
    const [first, second] = this.#jobs.values();
    return second === undefined ? first ?? null : null;
  }

  #hold(job: JobStart): void {
    const { connectTimeoutMs, maxLogLines } = this.#args;
    const output = new JobOutput((message) => void this.#channel.send(message), maxLogLines, job.jobId);
    const held = new HeldJob({ job, channel: this.#channel, output, connectTimeoutMs });
    this.#jobs.set(job.jobId, held);
    if (this.#loaded !== null) void this.#runJob(job.jobId, held, this.#loaded);
  }

  async #runJob(jobId: string, held: HeldJob, loaded: LoadedAgent): Promise<void> {
    const hasReturned = await held.run(loaded);
    this.#jobs.delete(jobId);
    if (this.#jobsAtOnce > 1) this.#channel.send({ type: "left", jobId, isClean: hasReturned && !this.#isTainted });
    if (this.#jobsAtOnce === 1 || (!this.#channel.isOpen && this.isIdle)) this.#over.resolve();
  }

  async #load(): Promise<LoadedAgent> {
    if (!this.#args.rtcLogs) {
      await this.#loadRtc();
      quietRtc();
    }
    const isSpare = this.#args.agentFile === null;
    if (isSpare) await this.#loadAsSpare();
    const agent = await loadAgent(await this.#agentFile.promise, this.#args.agentVersion);
    const { AgentJob } = await import("./agent_job.ts");
    if (!isSpare && this.#args.prime && this.isIdle) await this.#prime(AgentJob);
    const context: SlotContext = { data: {} };
    await agent.options.prewarm?.(context);
    return { agent, context, AgentJob };
  }

  /** What every agent needs, while there is none yet. */
  async #loadAsSpare(): Promise<void> {
    const { AgentJob } = await import("./agent_job.ts");
    if (!this.#isAdopted) await this.#prime(AgentJob);
  }

  async #collect(): Promise<void> {
    try {
      const { collectGarbage } = await import("../../telemetry/profile.ts");
      await collectGarbage();
    } catch (error) {
      this.#output.warn("garbage could not be collected", { error });
    }
  }

  /** From its one file, when that can be had: without it the imports below load it. */
  async #loadRtc(): Promise<void> {
    const { rtcBundle } = this.#args;
    if (rtcBundle === undefined) return;
    try {
      const { loadRtc } = await import("./load_rtc.ts");
      loadRtc(rtcBundle);
    } catch (error) {
      this.#output.debug("rtc-node could not be loaded from one file", { error });
    }
  }

  /** What the first job would otherwise wait for. */
  async #prime(agentJob: LoadedAgent["AgentJob"]): Promise<void> {
    const [{ primeRtc }, { rehearseJob }] = await Promise.all([
      import("./prime_rtc.ts"),
      import("./rehearse_job.ts"),
    ]);
    const failure = await primeRtc();
    if (failure !== null) this.#output.debug(failure);
    // A job that has come meanwhile is not kept waiting.
    if (this.isIdle && !this.#isAdopted) await rehearseJob(agentJob);
  }
}
