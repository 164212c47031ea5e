/**
 * One job in its child, from `start` to having left the room:
 *
 *   waiting (the agent is still loading) → running → finished (still in the room) → left
 *
 * It is told to leave by the parent, once that has recorded the end; or leaves after LEAVE_WAIT_MS, or when the parent is
 * gone. Cancelled while it waits, it never enters.
 */
import type { AgentDefinition } from "../../agent/define_agent.ts";
import type { SlotContext } from "../../agent/job_context.ts";
import type { JobStart, ParentMessage } from "../messages.ts";
import type { AgentJob } from "./agent_job.ts";
import type { ChildChannel } from "./child_channel.ts";
import { runWithOutput } from "./console_capture.ts";
import type { Outcome } from "./decide_outcome.ts";
import type { JobOutput } from "./job_output.ts";

/** An agent, ready to run jobs. */
export interface LoadedAgent {
  agent: AgentDefinition;
  context: SlotContext;
  AgentJob: typeof AgentJob;
}

export type JobMessage = Extract<ParentMessage, { type: "cancel" | "leave" | "reply" | "deliver" | "elected" }>;

export interface HeldJobOptions {
  job: JobStart;
  channel: ChildChannel;
  output: JobOutput;
  connectTimeoutMs: number;
}

/** How long a finished job waits for the parent to record its end before it leaves anyway. */
const LEAVE_WAIT_MS = 5_000;
const ORPHAN_CLEANUP_MS = 300;
const ORPHAN_LEAVE_MS = 100;

export class HeldJob {
  readonly output: JobOutput;
  readonly #options: HeldJobOptions;
  readonly #leave = Promise.withResolvers<void>();
  /** Resolves when the job has left: whatever waits for the parent on its behalf is let go. */
  readonly #over = Promise.withResolvers<void>();
  #cancel: Extract<ParentMessage, { type: "cancel" }> | null = null;
  #running: AgentJob | null = null;
  #isOrphan = false;

  constructor(options: HeldJobOptions) {
    this.#options = options;
    this.output = options.output;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  handle(message: JobMessage): void {
    if (message.type === "leave") this.#leave.resolve();
    else if (message.type === "cancel") {
      this.#cancel = message;
      this.#running?.end(message.reason, { graceMs: message.graceMs });
    } else this.#running?.receive(message);
  }

  /** The parent is gone: clean up in the little time that is left. */
  orphaned(): void {
    this.#isOrphan = true;
    this.#leave.resolve();
    this.#running?.end("shutdown", { graceMs: ORPHAN_CLEANUP_MS });
  }

  failUncaught(error: unknown): void {
    this.#running?.failUncaught(error);
  }

  /** Resolves when it has left the room; false when its entry never returned. Never rejects. */
  async run(loaded: LoadedAgent): Promise<boolean> {
    const { job, channel, output, connectTimeoutMs } = this.#options;
    if (this.#cancel !== null) {
      await this.#finish({ outcome: "cancelled", endReason: this.#cancel.reason });
      return true;
    }
    const ownChannel = {
      send: (message: Parameters<ChildChannel["send"]>[0]) => channel.send(message),
      closed: Promise.race([channel.closed, this.#over.promise]),
      get isOpen() {
        return channel.isOpen;
      },
    };
    const { agent, context: slot, AgentJob } = loaded;
    const running = runWithOutput(
      output,
      () => new AgentJob({ job, agent, slot, channel: ownChannel, output, connectTimeoutMs }),
    );
    this.#running = running;
    await this.#finish(await runWithOutput(output, () => running.run()));
    await running.session.leave(this.#isOrphan ? ORPHAN_LEAVE_MS : undefined);
    this.#over.resolve();
    return running.hasEntryReturned;
  }

  /** Reports the outcome and waits until the parent has recorded it. */
  async #finish(outcome: Outcome): Promise<void> {
    const { job, channel, output } = this.#options;
    output.reportDropped();
    channel.send({ type: "finished", jobId: job.jobId, ...outcome });
    const timer = setTimeout(this.#leave.resolve, LEAVE_WAIT_MS);
    await this.#leave.promise;
    clearTimeout(timer);
  }
}
