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
import type { Ended, EndedReason, JobContext, JobInfo, SlotContext } from "../../agent/job_context.ts";
import { compose } from "../../agent/middleware.ts";
import type { JobStart } from "../messages.ts";
import { AuthorMetrics } from "./author_metrics.ts";
import { Budget } from "./budget.ts";
import { checkpointStore } from "./checkpoints.ts";
import type { ChildChannel } from "./child_channel.ts";
import { ControlRequests, type ToJob } from "./control_requests.ts";
import { decideOutcome, isAbort, type Outcome, type Thrown } from "./decide_outcome.ts";
import type { JobOutput } from "./job_output.ts";
import { ChildTracer } from "./child_tracer.ts";
import { RoomSession } from "./room_session.ts";
import { isHuman } from "./humans.ts";
import { JobLimits } from "./job_limits.ts";
import { JobLinks } from "./job_links.ts";
import { Heartbeat, ProgressReports } from "./job_signals.ts";
import { ParticipantEntries } from "./participant_entries.ts";
import { roomApi } from "./room_requests.ts";
import { ShutdownCallbacks } from "./shutdown_callbacks.ts";

export interface AgentJobOptions {
  job: JobStart;
  agent: AgentDefinition;
  slot: SlotContext;
  channel: Pick<ChildChannel, "send" | "isOpen" | "closed">;
  output: JobOutput;
  connectTimeoutMs: number;
}

export class AgentJob {
  readonly session: RoomSession;
  readonly #options: AgentJobOptions;
  readonly #callbacks: ShutdownCallbacks;
  readonly #tracer: ChildTracer;
  readonly #limits: JobLimits;
  readonly #requests: ControlRequests;
  readonly #links: JobLinks;
  readonly #participants: ParticipantEntries;
  readonly #metrics: AuthorMetrics;
  readonly #progress: ProgressReports;
  readonly #heartbeat: Heartbeat;
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
    this.#requests = new ControlRequests({ jobId: job.jobId, channel });
    this.session = new RoomSession({
      job,
      permissions: agent.options.permissions ?? {},
      api: roomApi(this.#requests),
      connectTimeoutMs,
      signal: this.#abort.signal,
      log: output,
      onConnected: () => {
        channel.send({ type: "connected", jobId: job.jobId });
        this.#limits.connected();
      },
      onReady: () => channel.send({ type: "ready", jobId: job.jobId }),
      onLost: (reason, detail) => this.end(reason, { detail }),
    });
    this.#limits = new JobLimits({
      job,
      room: this.session.room,
      isHuman,
      onOver: (reason, detail) => this.end(reason, { detail }),
    });
    const signal = this.#abort.signal;
    const send = channel.send.bind(channel);
    this.#links = new JobLinks({ requests: this.#requests, signal, log: output });
    this.#participants = new ParticipantEntries({ room: this.session.room, signal, log: output, isAbort });
    this.#metrics = new AuthorMetrics(job.jobId, send, output);
    this.#progress = new ProgressReports(job.jobId, send);
    this.#heartbeat = new Heartbeat(agent.options.heartbeatTimeoutMs ?? null, (timeoutMs) => {
      this.end("heartbeat_missed", { detail: `The job gave no heartbeat for ${timeoutMs / 1_000} s` });
    });
  }

  /** What the control plane tells a running job. */
  receive(message: ToJob): void {
    if (message.type === "reply") this.#requests.answered(message);
    else this.#links.receive(message);
  }

  /** False after `run` when entry never came to its end: something of it may still run. */
  get hasEntryReturned(): boolean {
    return this.#hasEntrySettled;
  }

  /** Runs the job to its end. Never rejects: whatever user code does is an outcome. */
  async run(): Promise<Outcome> {
    const { job, channel, output } = this.#options;
    channel.send({ type: "entered", jobId: job.jobId });
    this.#limits.start();
    const entry = this.#callEntry().then(() => this.#participants.settled());
    const { reason } = await this.#ended.promise;
    this.#limits.close();
    this.#heartbeat.stop();
    const budget = this.#budget ?? new Budget(job.shutdownGraceMs);
    await firstOf(entry, budget.remainingMs / 2);
    await this.#callbacks.run(reason, budget);
    await Promise.race([entry, budget.spent]);
    budget.close();
    this.#progress.flush();
    this.#metrics.flush();
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
      const { middleware = [], entry } = this.#options.agent.options;
      await compose(middleware, entry)(this.#context());
      this.#hasEntrySettled = true;
      this.end("entry_returned");
    } catch (error) {
      this.#hasEntrySettled = true;
      this.#thrown ??= { error };
      this.end("entry_threw");
    }
  }

  #context(): JobContext {
    const { slot, output, job } = this.#options;
    const { session } = this;
    const links = this.#links;
    const context: JobContext = {
      job: this.#jobInfo(),
      room: session.room,
      metadata: job.metadata,
      slot,
      log: output,
      tracer: this.#tracer,
      ended: this.#ended.promise,
      signal: this.#abort.signal,
      connect: (options) => session.connect(options),
      waitForParticipant: (filter) => session.waitForParticipant(filter),
      onParticipant: (entry, filter) => {
        this.#participants.register((each, signal) => entry(context, each, signal), session.matcher(filter ?? {}));
      },
      ready: () => session.ready(),
      progress: (value) => this.#progress.note(value),
      heartbeat: () => this.#heartbeat.beat(),
      checkpoint: checkpointStore(this.#requests, job.checkpoint),
      metrics: this.#metrics,
      api: roomApi(this.#requests),
      deleteRoom: async () => void await this.#requests.call("room.delete"),
      publish: (topic, data, options) => links.publish(topic, data, options),
      subscribe: (topic, handler, options) => links.subscribe(topic, handler, options),
      electLeader: (name) => links.electLeader(name),
      onShutdown: (callback) => this.#callbacks.register(callback),
      shutdown: (why = "") => this.end("shutdown_requested", { detail: why }),
    };
    return context;
  }

  #jobInfo(): JobInfo {
    const { job, agent } = this.#options;
    return {
      id: job.jobId,
      dispatchId: job.dispatchId,
      attempt: job.attempt,
      agent: job.agent,
      room: job.room,
      participantIdentity: job.participantIdentity,
      type: agent.options.jobType ?? "room",
      participant: job.triggeringParticipant ?? null,
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
