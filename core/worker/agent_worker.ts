/**
 * One worker: the registration of this instance with the LiveKit server for one agent. Answers offers from memory by
 * reserving a slot, and hands assigned jobs on. The socket and its protocol: core/livekit/worker_connection.ts.
 *
 *   offer → slot reserved → assigned (handed to the intake with its reservation) | lapsed (slot given back)
 */
import type { Admission, Reservation } from "../capacity/admission.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { AvailabilityAnswer, OfferedJob } from "../livekit/job_offer.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import { WorkerConnection } from "../livekit/worker_connection.ts";
import type { WorkerConnectionSnapshot } from "../livekit/worker_state.ts";
import type { LivekitJobLink } from "../runtime/job_runner.ts";

/** A job that LiveKit has assigned to us, with the slot that is reserved for it. */
export interface AssignedOffer {
  offer: OfferedJob;
  /** Our own id of the job, made when it was offered: its participant identity carries it. */
  jobId: string;
  participantIdentity: string;
  reservation: Reservation;
  workerId: string;
  link: LivekitJobLink;
}

/** Who takes assigned jobs; the dispatch layer, which lies above this one. */
export interface JobIntake {
  assigned(job: AssignedOffer): Promise<void>;
  terminated(livekitJobId: string): void;
}

export interface AgentWorkerOptions {
  agent: AgentDescriptor;
  server: LivekitServer;
  admission: Admission;
  intake: JobIntake;
  timings: { handshakeTimeoutMs: number; pingIntervalMs: number; reconnectFirstMs: number; reconnectMaxMs: number };
  isDebug: boolean;
  logger: Logger;
  onStateChange: (worker: AgentWorker) => void;
}

interface Offer {
  jobId: string;
  reservation: Reservation;
}

export class AgentWorker implements Service {
  readonly id = uuidv7();
  readonly name: string;
  readonly agent: string;
  readonly jobType: AgentDescriptor["jobType"];
  readonly server: string;
  readonly #options: AgentWorkerOptions;
  readonly #connection: WorkerConnection;
  readonly #offers = new Map<string, Offer>();

  constructor(options: AgentWorkerOptions) {
    const { agent, server, timings, isDebug, logger } = options;
    this.#options = options;
    this.agent = agent.name;
    this.jobType = agent.jobType;
    this.server = server.name;
    this.#connection = new WorkerConnection({
      agentName: agent.dispatch === "automatic" ? "" : agent.name,
      jobType: agent.jobType,
      permissions: agent.permissions,
      server: { url: server.url, credentials: () => server.credentials() },
      timings,
      isDebug,
      logger,
      onStateChange: () => options.onStateChange(this),
      handlers: {
        onAvailability: (offer) => this.#answer(offer),
        onAssignment: (offer, _token, { isLate }) => this.#assigned(offer, isLate),
        onTermination: (livekitJobId) => options.intake.terminated(livekitJobId),
        onOfferLapsed: (livekitJobId) => this.#lapsed(livekitJobId),
        load: () => this.#load(),
      },
    });
    this.name = this.#connection.name;
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#options.admission.onChange(() => this.#connection.reportLoad());
    try {
      await this.#connection.run(signal);
    } finally {
      stopListening();
    }
  }

  snapshot(): WorkerConnectionSnapshot {
    return this.#connection.snapshot();
  }

  #answer(offer: OfferedJob): AvailabilityAnswer {
    const admitted = this.#options.admission.admit(this.agent);
    if (!admitted.ok) return { kind: "decline", reason: admitted.refusal };
    const jobId = uuidv7();
    this.#offers.set(offer.id, { jobId, reservation: admitted.reservation });
    return { kind: "accept", participantIdentity: identityOf(jobId), participantName: this.agent };
  }

  async #assigned(offer: OfferedJob, isLate: boolean): Promise<void> {
    const reserved = isLate ? null : this.#offers.get(offer.id);
    this.#offers.delete(offer.id);
    const admitted = reserved ?? this.#reserveLate(offer);
    if (!admitted) return;
    const { jobId, reservation } = admitted;
    await this.#options.intake.assigned({
      offer,
      jobId,
      participantIdentity: identityOf(jobId),
      reservation,
      workerId: this.id,
      link: this.#linkOf(offer.id),
    });
  }

  /** An assignment that came after its offer lapsed: run it if there is still a slot, else tell LiveKit that it failed. */
  #reserveLate(offer: OfferedJob): Offer | null {
    const admitted = this.#options.admission.admit(this.agent);
    if (admitted.ok) return { jobId: uuidv7(), reservation: admitted.reservation };
    this.#options.logger.warn("an assignment came late and no slot is free", {
      livekitJob: offer.id,
      refusal: admitted.refusal,
    });
    void this.#linkOf(offer.id).report("failed", `late assignment: ${admitted.refusal}`);
    return null;
  }

  #lapsed(livekitJobId: string): void {
    this.#offers.get(livekitJobId)?.reservation.release();
    this.#offers.delete(livekitJobId);
    this.#options.logger.info("an accepted offer was not assigned", { livekitJob: livekitJobId });
  }

  #linkOf(livekitJobId: string): LivekitJobLink {
    return {
      livekitJobId,
      report: (status, error) => this.#connection.updateJob(livekitJobId, status, error),
      settle: (timeoutMs) => this.#connection.settleStatus(timeoutMs),
    };
  }

  #load() {
    const { admission } = this.#options;
    return {
      status: admission.freeFor(this.agent) > 0 ? "available" as const : "full" as const,
      loadRatio: admission.loadRatioOf(this.agent),
      jobCount: admission.usedBy(this.agent),
    };
  }
}

function identityOf(jobId: string): string {
  return `agent-${jobId}`;
}
