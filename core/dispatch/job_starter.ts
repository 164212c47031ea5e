/**
 * From a dispatch whose job is stored as assigned to us to a running job: builds the plan, keeps the live view current
 * with what the child reports, hands log lines on, and frees the slot at the end.
 */
import type { AgentParticipant } from "../agent/hooks.ts";
import type { NextStep } from "../../db/job_changes.ts";
import type { JobLogLine } from "../../db/job_logs.ts";
import type { Reservation } from "../capacity/admission.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { mintJobToken } from "../livekit/tokens.ts";
import type { AgentCatalog, AgentEntry } from "../runtime/agent_catalog.ts";
import { explainFailure } from "../runtime/failure_explanation.ts";
import type { JobEnd } from "../runtime/job_end.ts";
import type { SpanMessage } from "../runtime/messages.ts";
import type { JobPlan, JobRunner, LivekitJobLink, RunningJob } from "../runtime/job_runner.ts";
import type { LogWriter } from "../runtime/log_writer.ts";
import type { SlotLogLine } from "../runtime/slot.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { metadataForAgent, timeoutInMetadataMs } from "./metadata_check.ts";
import { PlacingJobs } from "./placing_jobs.ts";

const PARTICIPANT_HOOK_TIMEOUT_MS = 200;

export interface JobStarterOptions {
  catalog: AgentCatalog;
  runner: JobRunner;
  logs: LogWriter;
  live: LiveDispatches;
  livekit: LivekitServer;
  shutdownGraceMs: number;
  /** For agents that do not say. */
  aloneTimeoutMs: number;
  /** For whoever follows the job's output now; must not throw. */
  onLog?: (job: JobView, line: SlotLogLine) => void;
  /** Follows jobs for their traces; must not throw. */
  tracing?: JobTracing;
  /** Serves each job's requests from its start; must not throw. */
  attend?: (job: RunningJob) => void;
  /** A slot is free again: something may be waiting for it. */
  onSlotFreed: () => void;
  /** A dispatch waits for its next attempt, not before this time (null: now). */
  onRetry?: (notBefore: Date | null) => void;
  /** A job is in its room; must not throw. */
  onJoined?: (job: JobPlan) => void;
  /** A job of a standing dispatch is gone: that one may be over too. */
  onStandingJobGone?: () => void;
}

export interface JobTracing {
  /** The traceparent that a job hands on; `caller` is the request's. */
  traceparentOf(job: JobView, caller: string | null): string;
  span(job: JobView, span: SpanMessage): void;
  /** The job's process has ended. */
  gone(job: JobView): void;
}

export interface AssignedJob {
  leaseToken: string;
  reservation: Reservation;
  traceparent: string | null;
  livekit: LivekitJobLink | null;
  /** Minted beforehand, beside the statement that stored the job. */
  token?: Promise<string>;
  /** The last one of `live.view.jobs` unless said otherwise. */
  job?: JobView;
}

export class JobStarter {
  /** What is being placed here, and not started yet. */
  readonly placing = new PlacingJobs();
  readonly #options: JobStarterOptions;

  constructor(options: JobStarterOptions) {
    this.#options = options;
  }

  /** Starts a job that is stored as assigned to us. The reservation is released when the job's process is gone. */
  start(live: LiveDispatch, assigned: AssignedJob): RunningJob {
    const { leaseToken, reservation, traceparent, livekit, token, job = live.job } = assigned;
    const { runner, catalog, tracing } = this.#options;
    const { view } = live;
    if (!job) throw new Error(`Cannot start a job of dispatch ${view.id}: it has none`);
    const descriptor = catalog.find(view.agent)?.descriptor ?? null;
    const running: RunningJob = runner.start(
      {
        key: { jobId: job.id, dispatchId: view.id, leaseToken },
        attempt: job.attempt,
        agent: view.agent,
        room: view.room,
        url: this.#options.livekit.url,
        metadata: metadataForAgent(view.metadata, descriptor?.metadataSchema ?? null),
        participantIdentity: job.participantIdentity,
        triggeringParticipant: job.participant,
        traceparent: tracing?.traceparentOf(job, traceparent) ?? traceparent,
        readiness: descriptor?.readiness ?? "connected",
        shutdownGraceMs: descriptor?.shutdownGraceMs ?? this.#options.shutdownGraceMs,
        timeoutMs: timeoutInMetadataMs(view.metadata) ?? descriptor?.timeoutMs ?? null,
        aloneTimeoutMs: descriptor?.aloneTimeoutMs ?? this.#options.aloneTimeoutMs,
        mintToken: () => token ?? this.mintToken(view, job),
        livekit,
        isStanding: live.isStanding,
      },
      {
        stage: (stage, at, pid) => {
          live.stage(stage, at, pid, job);
          if (stage === "connected") this.#options.onJoined?.(running.plan);
        },
        log: (line) => this.#log(job, line),
        span: (span) => tracing?.span(job, span),
        flagged: (flag) => live.flagged(flag, job),
        ended: (end, at, next) => this.#ended(live, job, end, at, next),
      },
      () => {
        reservation.release();
        // Only now: a process that leaves its room may still say something.
        void this.#options.logs.flush(job.id);
        tracing?.gone(job);
        this.#options.onSlotFreed();
        if (live.isStanding) this.#options.onStandingJobGone?.();
      },
    );
    this.#options.attend?.(running);
    return running;
  }

  /** The room token of a job of this dispatch. */
  async mintToken(view: DispatchView, job: JobView): Promise<string> {
    const agent = this.#options.catalog.find(view.agent);
    const descriptor = agent?.descriptor ?? null;
    const participant = await participantOf(agent, view, job);
    return await mintJobToken(this.#options.livekit.credentials(), {
      room: view.room,
      identity: job.participantIdentity,
      agentName: view.agent,
      dispatchId: view.id,
      attempt: job.attempt,
      ...(job.participant === null ? {} : { triggeringParticipant: job.participant }),
      name: participant.name ?? view.agent,
      ...(participant.metadata ? { metadata: participant.metadata } : {}),
      attributes: participant.attributes ?? {},
      ...(descriptor ? { permissions: descriptor.permissions } : {}),
    });
  }

  #log(job: JobView, line: SlotLogLine): void {
    this.#options.logs.add(logLineOf(job.id, job.attempt, line));
    this.#options.onLog?.(job, line);
  }

  #ended(live: LiveDispatch, job: JobView, end: JobEnd, at: Date, next: NextStep): void {
    // Before the end is told, because listeners leave with it.
    if (end.outcome !== "succeeded" && end.failure?.stack !== undefined) {
      this.#log(job, { level: "error", message: end.failure.stack, at });
    }
    live.jobEnded(end, at, end.outcome === "failed" ? explainFailure(end.failure) : null, job, next);
    void this.#options.logs.flush();
    // While it waits for its next attempt it stays, with what is known of the earlier ones.
    if (next.kind === "retry") this.#options.onRetry?.(next.notBefore);
    else this.#options.live.forgetIfIdle(live.view.id);
  }
}

/** How the agent presents itself: as its descriptor says, or its function, which is asked in its host. */
async function participantOf(agent: AgentEntry | null, view: DispatchView, job: JobView): Promise<AgentParticipant> {
  const { name, metadata, attributes } = agent?.descriptor?.participant ??
    { name: null, metadata: null, attributes: {} };
  const fixed = { ...(name === null ? {} : { name }), ...(metadata === null ? {} : { metadata }), attributes };
  if (agent?.descriptor?.hooks.participant !== true) return fixed;
  const asked = await agent.hook("participant", {
    jobId: job.id,
    dispatchId: view.id,
    attempt: job.attempt,
    room: view.room,
    participantIdentity: job.participant,
    metadata: view.metadata,
  }, PARTICIPANT_HOOK_TIMEOUT_MS);
  // An agent without its fancy name is better than none.
  return asked.ok ? asked.value : fixed;
}

function logLineOf(jobId: string, attempt: number, line: SlotLogLine): JobLogLine {
  return { jobId, attempt, level: line.level, message: line.message, fields: line.fields ?? null, at: line.at };
}
