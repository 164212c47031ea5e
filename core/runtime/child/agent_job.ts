/**
 * The life of one job in its child:
 *
 *   entered → (connected → ready) → ended → shutdown callbacks → finished
 *
 * - A job ends once, by whichever comes first: entry settles, the room is gone, ctx.shutdown(), the parent's cancel, an
 *   uncaught error, the parent's death. From then on one budget runs for all that is left: entry gets up to half of it
 *   to return, then the shutdown callbacks run, then entry gets the rest. What has not ended by then is left behind.
 * - `run` gives the outcome while the agent is still in the room; leaving it is the caller's next step.
 */
import type { AgentDefinition } from "../../agent/define_agent.ts";
import { JobEndedError } from "../../agent/errors.ts";
import type { Ended, EndedReason, JobContext, SlotContext } from "../../agent/job_context.ts";
import type { JobStart } from "../messages.ts";
import { Budget } from "./budget.ts";
import type { ChildChannel } from "./child_channel.ts";
import { decideOutcome, isAbort, type Outcome, type Thrown } from "./decide_outcome.ts";
import type { JobOutput } from "./job_output.ts";
import { ChildTracer } from "./child_tracer.ts";
import { RoomSession } from "./room_session.ts";
import { ShutdownCallbacks } from "./shutdown_callbacks.ts";

export interface AgentJobOptions {
  job: JobStart;
  agent: AgentDefinition;
  slot: SlotContext;
  channel: ChildChannel;
  output: JobOutput;
  connectTimeoutMs: number;
}

export class AgentJob {
  readonly session: RoomSession;
  readonly #options: AgentJobOptions;
  readonly #callbacks: ShutdownCallbacks;
  readonly #tracer: ChildTracer;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<Ended>();
  #reason: EndedReason | null = null;
  #detail = "";
  #budget: Budget | null = null;
  #thrown: Thrown | null = null;
  #hasEntrySettled = false;

  constructor(options: AgentJobOptions) {
    this.#options = options;
    const { job, agent, channel, output, connectTimeoutMs } = options;
    this.#callbacks = new ShutdownCallbacks(output);
    this.#tracer = new ChildTracer({ job, send: (message) => channel.send(message), log: output });
    this.session = new RoomSession({
      job,
      permissions: agent.options.permissions ?? {},
      connectTimeoutMs,
      signal: this.#abort.signal,
      log: output,
      onConnected: () => channel.send({ type: "connected", jobId: job.jobId }),
      onReady: () => channel.send({ type: "ready", jobId: job.jobId }),
      onLost: (reason, detail) => this.end(reason, { detail }),
    });
  }

  /** Runs the job to its end. Never rejects: whatever user code does is an outcome. */
  async run(): Promise<Outcome> {
    const { job, channel, output } = this.#options;
    channel.send({ type: "entered", jobId: job.jobId });
    const entry = this.#callEntry();
    const { reason } = await this.#ended.promise;
    const budget = this.#budget ?? new Budget(job.shutdownGraceMs);
    await firstOf(entry, budget.remainingMs / 2);
    await this.#callbacks.run(reason, budget);
    await Promise.race([entry, budget.spent]);
    budget.close();
    if (!this.#hasEntrySettled) output.warn("The entry did not return after the job had ended", { reason });
    if (this.#thrown !== null && isCancelled(reason) && !isAbort(this.#thrown.error)) {
      output.warn("The entry threw while it was cancelled", { error: this.#thrown.error });
    }
    return decideOutcome(reason, this.#thrown, this.#detail);
  }

  /** Ends the job; only the first reason counts, but a later call can make the time that is left shorter. */
  end(reason: EndedReason, { graceMs, detail = "" }: { graceMs?: number; detail?: string } = {}): void {
    const limitMs = graceMs ?? this.#options.job.shutdownGraceMs;
    if (this.#reason !== null) return this.#budget?.shortenTo(limitMs);
    this.#reason = reason;
    this.#detail = detail;
    this.#budget = new Budget(limitMs);
    if (detail !== "") this.#options.output.info(detail, { reason });
    this.#ended.resolve({ reason });
    this.#abort.abort(new JobEndedError(reason));
  }

  /** An error that nobody caught: it fails the job, unless it only echoes the end of one that has ended. */
  failUncaught(error: unknown): void {
    if (this.#reason === null) {
      this.#thrown = { error };
      this.end("entry_threw");
    } else if (!isAbort(error)) {
      this.#options.output.error("An error was not caught", { error });
    }
  }

  async #callEntry(): Promise<void> {
    try {
      await this.#options.agent.options.entry(this.#context());
      this.#hasEntrySettled = true;
      this.end("entry_returned");
    } catch (error) {
      this.#hasEntrySettled = true;
      this.#thrown ??= { error };
      this.end("entry_threw");
    }
  }

  #context(): JobContext {
    const { job, slot, output } = this.#options;
    const { session } = this;
    return {
      job: {
        id: job.jobId,
        dispatchId: job.dispatchId,
        attempt: job.attempt,
        agent: job.agent,
        room: job.room,
        participantIdentity: job.participantIdentity,
      },
      room: session.room,
      metadata: job.metadata,
      slot,
      log: output,
      tracer: this.#tracer,
      ended: this.#ended.promise,
      signal: this.#abort.signal,
      connect: (options) => session.connect(options),
      waitForParticipant: (filter) => session.waitForParticipant(filter),
      ready: () => session.ready(),
      onShutdown: (callback) => this.#callbacks.register(callback),
      shutdown: (why = "") => this.end("shutdown_requested", { detail: why }),
    };
  }
}

function isCancelled(reason: EndedReason): boolean {
  return decideOutcome(reason, null, "").outcome === "cancelled";
}

/** Waits for the work, but no longer than the limit. */
async function firstOf(work: Promise<void>, limitMs: number): Promise<void> {
  const limit = new Budget(limitMs);
  await Promise.race([work, limit.spent]);
  limit.close();
}
