/**
 * What running jobs get from this instance besides a room: answers to their requests, messages and elections between them,
 * their progress and their own metrics kept. Each job is attended from its start until its process is gone.
 */
import type { Database } from "../../db/client.ts";
import { saveJobProgress } from "../../db/job_details.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { AuthorMetrics } from "../telemetry/author_metrics.ts";
import type { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { checkpointRequests } from "./checkpoint_requests.ts";
import { busRequests, JobBus } from "./job_bus.ts";
import { JobRequests, type RequestingJob } from "./job_requests.ts";
import type { RunningJob } from "./job_runner.ts";
import { InstanceElection, type LeaderElection, leaderRequests } from "./leader_election.ts";
import type { ChildMessage } from "./messages.ts";
import { type RoomCalls, roomRequests } from "./room_requests.ts";

export interface JobServicesOptions {
  /** Takes checkpoints while the database is away. */
  writer?: Pick<LifecycleWriter, "write" | "isAway">;
  database: Database;
  api: RoomCalls;
  maxCheckpointBytes: number;
  logger: Logger;
  election?: LeaderElection;
  /** A job said how far it is; must not throw. */
  onProgress?: (jobId: string, dispatchId: string, value: unknown) => void;
}

export class JobServices {
  readonly metrics = new AuthorMetrics();
  readonly #options: JobServicesOptions;
  readonly #requests: JobRequests;
  readonly #bus = new JobBus();
  readonly #election: LeaderElection;

  constructor(options: JobServicesOptions) {
    this.#options = options;
    const { database, api, maxCheckpointBytes: maxBytes, logger, election = new InstanceElection() } = options;
    this.#election = election;
    this.#requests = new JobRequests({
      methods: {
        ...roomRequests(api),
        ...checkpointRequests({ database, maxBytes, ...(options.writer && { writer: options.writer }) }),
        ...busRequests(this.#bus),
        ...leaderRequests(election),
      },
      logger,
    });
  }

  /** Serves the job until its process is gone. */
  attend(running: RunningJob): void {
    const { key, attempt, agent, room, triggeringParticipant: participant } = running.plan;
    const job: RequestingJob = { ...key, attempt, agent, room, participant, send: (message) => running.send(message) };
    const stopListening = running.listen((message) => this.#hear(job, message));
    void running.gone.finally(() => {
      stopListening();
      this.#requests.ended(job.jobId);
      this.#bus.ended(job.jobId);
      this.#election.ended(job.jobId);
      this.metrics.ended(job.jobId);
    });
  }

  #hear(job: RequestingJob, message: ChildMessage): void {
    if (message.type === "request") void this.#requests.receive(job, message);
    else if (message.type === "metrics") this.metrics.record(job.agent, job.jobId, message.points);
    else if (message.type === "progress") this.#progressed(job, message.value);
  }

  #progressed({ jobId, dispatchId }: RequestingJob, value: unknown): void {
    const { database, logger, onProgress } = this.#options;
    onProgress?.(jobId, dispatchId, value);
    saveJobProgress(database, jobId, value).catch((error) =>
      logger.warn("could not store a job's progress", { job: jobId, error })
    );
  }
}
