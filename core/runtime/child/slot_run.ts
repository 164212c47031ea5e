/** What a slot's child does from load to leave; the process around it is slot_child.ts. */
import type { AgentDefinition } from "../../agent/define_agent.ts";
import type { SlotContext } from "../../agent/job_context.ts";
import type { JobStart, ParentMessage } from "../messages.ts";
import type { AgentJob } from "./agent_job.ts";
import type { SlotArguments } from "./child_arguments.ts";
import type { ChildChannel } from "./child_channel.ts";
import type { Outcome } from "./decide_outcome.ts";
import { errorText } from "./error_text.ts";
import { JobOutput } from "./job_output.ts";
import { loadAgent } from "./load_agent.ts";
import { quietRtc, setRtcEnvironment } from "./quiet_rtc.ts";

/** How long a finished child waits for the parent to record its end before it leaves anyway. */
const LEAVE_WAIT_MS = 5_000;
const ORPHAN_CLEANUP_MS = 300;
const ORPHAN_LEAVE_MS = 100;

type Cancel = Extract<ParentMessage, { type: "cancel" }>;

export class SlotRun {
  readonly #channel: ChildChannel;
  readonly #args: SlotArguments;
  readonly #output: JobOutput;
  readonly #agentFile = Promise.withResolvers<string>();
  readonly #start = Promise.withResolvers<JobStart>();
  readonly #leave = Promise.withResolvers<void>();
  readonly #brokenBy = Promise.withResolvers<never>();
  #isAdopted = false;
  #job: JobStart | null = null;
  #cancel: Cancel | null = null;
  #running: AgentJob | null = null;

  constructor(channel: ChildChannel, args: SlotArguments) {
    this.#channel = channel;
    this.#args = args;
    this.#output = new JobOutput((message) => channel.send(message), args.maxLogLines);
    if (args.agentFile !== null) this.#agentFile.resolve(args.agentFile);
    this.#brokenBy.promise.catch(() => {/* raced while loading; later errors belong to the job */});
  }

  /** Whether no job was given yet. */
  get isIdle(): boolean {
    return this.#job === null;
  }

  /** Gives the exit code. Never rejects. */
  async toItsEnd(): Promise<number> {
    this.#output.captureConsole();
    let slot: LoadedSlot;
    try {
      slot = await Promise.race([this.#load(), this.#brokenBy.promise]);
    } catch (error) {
      await this.#channel.sendLast({ type: "broken", error: errorText(error) });
      return 1;
    }
    this.#channel.send({ type: "warm" });
    const job = await this.#start.promise;
    this.#output.jobId = job.jobId;
    await this.#runJob(job, slot);
    return 0;
  }

  handle(message: ParentMessage): void {
    if (message.type === "adopt") {
      this.#isAdopted = true;
      this.#agentFile.resolve(message.agentFile);
    } else if (message.type === "start") {
      this.#job = message.job;
      this.#start.resolve(message.job);
    } else if (message.type === "cancel") {
      this.#cancel = message;
      this.#running?.end(message.reason, { graceMs: message.graceMs });
    } else if (message.type === "leave") {
      this.#leave.resolve();
    }
  }

  /** The parent is gone. Idle: end. Otherwise clean up in the little time that is left. */
  orphaned(): void {
    this.#leave.resolve();
    if (this.#running === null) Deno.exit(0);
    this.#running.end("shutdown", { graceMs: ORPHAN_CLEANUP_MS });
  }

  /** An error that nobody caught breaks a loading slot and fails a running job. */
  failUncaught(error: unknown): void {
    if (this.#running !== null) this.#running.failUncaught(error);
    else this.#brokenBy.reject(error);
  }

  async #load(): Promise<LoadedSlot> {
    setRtcEnvironment();
    if (!this.#args.rtcLogs) quietRtc();
    const isSpare = this.#args.agentFile === null;
    if (isSpare) await this.#loadAsSpare();
    const agent = await loadAgent(await this.#agentFile.promise);
    const { AgentJob } = await import("./agent_job.ts");
    if (!isSpare && this.#args.prime && this.#job === null) await this.#prime();
    const context: SlotContext = { data: {} };
    await agent.options.prewarm?.(context);
    return { agent, context, AgentJob };
  }

  /** What every agent needs, while there is none yet. */
  async #loadAsSpare(): Promise<void> {
    await import("./agent_job.ts");
    if (!this.#isAdopted) await this.#prime();
  }

  async #prime(): Promise<void> {
    const { primeRtc } = await import("./prime_rtc.ts");
    const failure = await primeRtc();
    if (failure !== null) this.#output.debug(failure);
  }

  async #runJob(job: JobStart, { agent, context, AgentJob }: LoadedSlot): Promise<void> {
    if (this.#cancel !== null) return await this.#finish(job, { outcome: "cancelled", endReason: this.#cancel.reason });
    const running = new AgentJob({
      job,
      agent,
      slot: context,
      channel: this.#channel,
      output: this.#output,
      connectTimeoutMs: this.#args.connectTimeoutMs,
    });
    this.#running = running;
    await this.#finish(job, await running.run());
    await running.session.leave(this.#channel.isOpen ? undefined : ORPHAN_LEAVE_MS);
  }

  /** Reports the outcome and waits until the parent has recorded it. */
  async #finish(job: JobStart, outcome: Outcome): Promise<void> {
    this.#output.reportDropped();
    this.#channel.send({ type: "finished", jobId: job.jobId, ...outcome });
    const timer = setTimeout(this.#leave.resolve, LEAVE_WAIT_MS);
    await this.#leave.promise;
    clearTimeout(timer);
  }
}

interface LoadedSlot {
  agent: AgentDefinition;
  context: SlotContext;
  AgentJob: typeof AgentJob;
}
