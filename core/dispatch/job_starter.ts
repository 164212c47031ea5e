/**
 * From a dispatch whose job is stored as assigned to us to a running job: builds the plan, keeps the live view current
 * with what the child reports, hands log lines on, and frees the slot at the end.
 */
import type { JobLogLine } from "../../db/job_logs.ts";
import type { Reservation } from "../capacity/admission.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { mintJobToken } from "../livekit/tokens.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { explainFailure } from "../runtime/failure_explanation.ts";
import type { JobEnd } from "../runtime/job_end.ts";
import type { SpanMessage } from "../runtime/messages.ts";
import type { JobRunner, LivekitJobLink, RunningJob } from "../runtime/job_runner.ts";
import type { LogWriter } from "../runtime/log_writer.ts";
import type { SlotLogLine } from "../runtime/slot.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";

export interface JobStarterOptions {
  catalog: AgentCatalog;
  runner: JobRunner;
  logs: LogWriter;
  live: LiveDispatches;
  livekit: LivekitServer;
  shutdownGraceMs: number;
  /** For whoever follows the job's output now; must not throw. */
  onLog?: (job: JobView, line: SlotLogLine) => void;
  /** Follows jobs for their traces; must not throw. */
  tracing?: JobTracing;
  /** A slot is free again: something may be waiting for it. */
  onSlotFreed: () => void;
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
}

export class JobStarter {
  readonly #options: JobStarterOptions;

  constructor(options: JobStarterOptions) {
    this.#options = options;
  }

  /** Starts the last job in `live.view.jobs`. The reservation is released when the job's process is gone. */
  start(live: LiveDispatch, { leaseToken, reservation, traceparent, livekit, token }: AssignedJob): RunningJob {
    const { runner, catalog, tracing } = this.#options;
    const { view } = live;
    const job = live.job;
    if (!job) throw new Error(`Cannot start a job of dispatch ${view.id}: it has none`);
    const descriptor = catalog.find(view.agent)?.descriptor ?? null;
    return runner.start(
      {
        key: { jobId: job.id, dispatchId: view.id, leaseToken },
        attempt: job.attempt,
        agent: view.agent,
        room: view.room,
        url: this.#options.livekit.url,
        metadata: view.metadata,
        participantIdentity: job.participantIdentity,
        triggeringParticipant: job.participant,
        traceparent: tracing?.traceparentOf(job, traceparent) ?? traceparent,
        readiness: descriptor?.readiness ?? "connected",
        shutdownGraceMs: descriptor?.shutdownGraceMs ?? this.#options.shutdownGraceMs,
        mintToken: () => token ?? this.mintToken(view, job),
        livekit,
      },
      {
        stage: (stage, at, pid) => live.stage(stage, at, pid),
        log: (line) => this.#log(job, line),
        span: (span) => tracing?.span(job, span),
        ended: (end, at) => this.#ended(live, end, at),
      },
      () => {
        reservation.release();
        tracing?.gone(job);
        this.#options.onSlotFreed();
      },
    );
  }

  /** The room token of a job of this dispatch. */
  mintToken(view: DispatchView, job: JobView): Promise<string> {
    const descriptor = this.#options.catalog.find(view.agent)?.descriptor ?? null;
    return mintJobToken(this.#options.livekit.credentials(), {
      room: view.room,
      identity: job.participantIdentity,
      agentName: view.agent,
      dispatchId: view.id,
      attempt: job.attempt,
      ...(job.participant === null ? {} : { triggeringParticipant: job.participant }),
      name: descriptor?.participant.name ?? view.agent,
      ...(descriptor?.participant.metadata ? { metadata: descriptor.participant.metadata } : {}),
      attributes: descriptor?.participant.attributes ?? {},
      ...(descriptor ? { permissions: descriptor.permissions } : {}),
    });
  }

  #log(job: JobView, line: SlotLogLine): void {
    this.#options.logs.add(logLineOf(job.id, job.attempt, line));
    this.#options.onLog?.(job, line);
  }

  #ended(live: LiveDispatch, end: JobEnd, at: Date): void {
    const { job } = live;
    // Before the end is told, because listeners leave with it.
    if (job && end.outcome === "failed" && end.failure.stack !== undefined) {
      this.#log(job, { level: "error", message: end.failure.stack, at });
    }
    live.jobEnded(end, at, end.outcome === "failed" ? explainFailure(end.failure) : null);
    void this.#options.logs.flush(live.job?.id);
    this.#options.live.forgetIfIdle(live.view.id);
  }
}

function logLineOf(jobId: string, attempt: number, line: SlotLogLine): JobLogLine {
  return { jobId, attempt, level: line.level, message: line.message, fields: line.fields ?? null, at: line.at };
}
