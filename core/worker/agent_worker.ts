/**
 * One worker: the registration of this instance with the LiveKit server for one agent. Answers offers from memory by
 * reserving a slot, and hands assigned jobs on. The socket and its protocol: core/livekit/worker_connection.ts.
 *
 *   offer → slot reserved (→ the agent's accept is asked: no, or no answer in 200 ms → slot given back, declined)
 *         → accepted → assigned (handed to the intake with its reservation) | lapsed (slot given back)
 *   automatic offer for a room where another dispatch has the agent → terminate: nobody shall run it
 *
 * A worker whose agent changed is retired: it takes nothing more and stays connected until the jobs that were assigned on
 * its connection have ended, because only that connection can tell LiveKit about them (livekit.md 4.2).
 */
import type { AgentDescriptor } from "../agent/descriptor.ts";
import type { AcceptRequest } from "../agent/hooks.ts";
import { participantIdentityOf } from "../agent/participant_identity.ts";
import type { Admission, Refusal, Reservation } from "../capacity/admission.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { type AvailabilityAnswer, OFFER_AGENT_ATTRIBUTE, type OfferedJob } from "../livekit/job_offer.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import { WorkerConnection } from "../livekit/worker_connection.ts";
import type { WorkerLoad } from "../livekit/worker_messages.ts";
import type { WorkerConnectionSnapshot } from "../livekit/worker_state.ts";
import type { LivekitJobLink } from "../runtime/job_runner.ts";
import { DeclineCounts } from "./decline_counts.ts";
import type { OfferRush } from "./offer_rush.ts";

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
  /** The worker of `agent` declined an offer. */
  declined?(agent: string, offer: OfferedJob, decline: Decline): void;
  /** The dispatch that has this agent in the room already, or on its way, as far as this instance knows. */
  holderOf?(agent: string, room: string): string | null;
}

/** Why an offer was declined. */
export interface Decline {
  /** The agent's own `accept` said no, or nothing in time; not_meant: for another agent of ours. */
  kind: "no_room" | "agent" | "no_answer" | "not_meant";
  reason: string;
}

export type AcceptAnswer = { ok: true; value: unknown } | { ok: false; reason: string };

export interface AgentWorkerOptions {
  agent: AgentDescriptor;
  server: LivekitServer;
  admission: Admission;
  /** Load of the agent here, 0..1. */
  loadRatioOf: (agent: string) => number;
  /** Asks the agent's own `accept` in its host; null: it has none. */
  askAccept: (agent: string, request: AcceptRequest, timeoutMs: number) => Promise<AcceptAnswer> | null;
  intake: JobIntake;
  rush: OfferRush;
  timings: { handshakeTimeoutMs: number; pingIntervalMs: number; reconnectFirstMs: number; reconnectMaxMs: number };
  isDebug: boolean;
  logger: Logger;
  onStateChange: (worker: AgentWorker) => void;
}

/** Offers since the worker was made. */
export interface OfferCounts {
  accepted: number;
  declined: number;
  /** Accepted, and then not assigned by LiveKit. */
  lapsed: number;
  lastDecline: { reason: string; at: Date } | null;
}

interface Offer {
  jobId: string;
  participantIdentity: string;
  reservation: Reservation;
}

/** mission.md B5: no answer within this is a no. */
const ACCEPT_TIMEOUT_MS = 200;
/** Between looks at whether a retired worker's jobs have ended; also the time for their last status to be confirmed. */
const RETIRED_LOOK_MS = 1_000;

export class AgentWorker implements Service {
  readonly id = uuidv7();
  readonly name: string;
  readonly agent: string;
  readonly descriptor: AgentDescriptor;
  readonly server: string;
  readonly offers: OfferCounts = { accepted: 0, declined: 0, lapsed: 0, lastDecline: null };
  /** Why it declined lately. */
  readonly declines = new DeclineCounts();
  readonly #options: AgentWorkerOptions;
  readonly #connection: WorkerConnection;
  readonly #offered = new Map<string, Offer>();
  /** Assigned jobs that the intake has not taken yet, and whether LiveKit wants them to end already. */
  readonly #starting = new Map<string, { isTerminated: boolean }>();
  readonly #retired = new AbortController();

  constructor(options: AgentWorkerOptions) {
    const { agent, server, timings, isDebug, logger } = options;
    this.#options = options;
    this.agent = agent.name;
    this.descriptor = agent;
    this.server = server.name;
    this.#connection = new WorkerConnection({
      agentName: agent.dispatch === "automatic" ? "" : agent.name,
      jobType: agent.jobType,
      namespace: agent.namespace,
      deployment: agent.deployment,
      permissions: agent.permissions,
      server: { url: server.url, credentials: () => server.credentials() },
      timings,
      isDebug,
      logger,
      onStateChange: () => options.onStateChange(this),
      handlers: {
        onAvailability: (offer) => this.#answer(offer),
        onAssignment: (offer, _token, { isLate }) => this.#assigned(offer, isLate),
        onTermination: (livekitJobId) => this.#terminated(livekitJobId),
        onOfferLapsed: (livekitJobId) => this.#lapsed(livekitJobId),
        load: () => this.load(),
      },
    });
    // Unnamed workers of two agents would have the same name.
    this.name = agent.dispatch === "automatic" ? `${this.#connection.name}-${agent.name}` : this.#connection.name;
  }

  get jobType(): AgentDescriptor["jobType"] {
    return this.descriptor.jobType;
  }

  get isRetired(): boolean {
    return this.#retired.signal.aborted;
  }

  /** Ends when `signal` aborts, or when it is retired and holds no job any more. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    const stopListening = this.#options.admission.onChange(() => this.#connection.reportLoad());
    const retired = this.#endWhenRetired(over);
    try {
      await this.#connection.run(over.signal);
    } finally {
      end();
      signal.removeEventListener("abort", end);
      stopListening();
      await retired;
    }
  }

  /** Takes no more jobs; `run` ends when those that it has have ended. */
  retire(): void {
    this.#retired.abort();
    this.#connection.reportLoad();
  }

  snapshot(): WorkerConnectionSnapshot {
    return this.#connection.snapshot();
  }

  /** What LiveKit is told, before it is scaled. */
  load(): WorkerLoad {
    const { admission, loadRatioOf } = this.#options;
    return {
      status: !this.isRetired && admission.freeFor(this.agent) > 0 ? "available" : "full",
      loadRatio: loadRatioOf(this.agent),
      jobCount: admission.usedBy(this.agent),
    };
  }

  /** Why it takes no job now; null when it does. */
  get refusal(): Refusal | "retired" | null {
    return this.isRetired ? "retired" : this.#options.admission.refusalFor(this.agent);
  }

  /** Resolves when retired and idle on two looks running, or when `over` aborts. */
  async #endWhenRetired(over: AbortController): Promise<void> {
    const retired = this.#retired.signal;
    await new Promise<void>((resolve) => {
      const settle = () => {
        retired.removeEventListener("abort", settle);
        over.signal.removeEventListener("abort", settle);
        resolve();
      };
      retired.addEventListener("abort", settle);
      over.signal.addEventListener("abort", settle);
      if (retired.aborted || over.signal.aborted) settle();
    });
    for (let idleLooks = 0; idleLooks < 2 && !over.signal.aborted;) {
      await abortableWait(RETIRED_LOOK_MS, over.signal);
      idleLooks = this.#connection.holdsJobs || this.#offered.size > 0 ? 0 : idleLooks + 1;
    }
    over.abort();
  }

  #answer(offer: OfferedJob): AvailabilityAnswer | Promise<AvailabilityAnswer> {
    this.#options.rush.noteOffer();
    if (this.isRetired) return this.#decline(offer, "no_room", "the worker is being replaced");
    const meant = offer.attributes[OFFER_AGENT_ATTRIBUTE] ?? this.agent;
    // Unnamed workers share one key with LiveKit, so a dispatch of ours may come to the wrong one.
    if (meant !== this.agent) return this.#decline(offer, "not_meant", `meant for agent ${meant}`);
    const holder = isAutomatic(offer) ? this.#options.intake.holderOf?.(this.agent, offer.room.name) ?? null : null;
    if (holder !== null) return { kind: "terminate", reason: `dispatch ${holder} has this agent in the room` };
    const admitted = this.#options.admission.admit(this.agent);
    if (!admitted.ok) return this.#decline(offer, "no_room", admitted.refusal);
    const { reservation } = admitted;
    const asked = this.#options.askAccept(this.agent, acceptRequestOf(offer), ACCEPT_TIMEOUT_MS);
    return asked === null ? this.#accept(offer, reservation) : this.#acceptIfWanted(asked, offer, reservation);
  }

  async #acceptIfWanted(
    asked: Promise<AcceptAnswer>,
    offer: OfferedJob,
    reservation: Reservation,
  ): Promise<AvailabilityAnswer> {
    const answer = await withinMs(asked, ACCEPT_TIMEOUT_MS);
    if (answer.ok && answer.value === true) return this.#accept(offer, reservation);
    reservation.release();
    return answer.ok
      ? this.#decline(offer, "agent", "the agent's accept said no")
      : this.#decline(offer, "no_answer", `the agent's accept: ${answer.reason}`);
  }

  #accept(offer: OfferedJob, reservation: Reservation): AvailabilityAnswer {
    const jobId = uuidv7();
    const participantIdentity = this.#identityOf(offer, jobId);
    this.#offered.set(offer.id, { jobId, participantIdentity, reservation });
    this.offers.accepted += 1;
    return { kind: "accept", participantIdentity, participantName: this.descriptor.participant.name ?? this.agent };
  }

  #decline(offer: OfferedJob, kind: Decline["kind"], reason: string): AvailabilityAnswer {
    this.offers.declined += 1;
    const at = new Date();
    this.offers.lastDecline = { reason, at };
    this.declines.note(reason, at.getTime());
    this.#options.intake.declined?.(this.agent, offer, { kind, reason });
    return { kind: "decline", reason };
  }

  async #assigned(offer: OfferedJob, isLate: boolean): Promise<void> {
    const reserved = isLate ? null : this.#offered.get(offer.id);
    this.#offered.delete(offer.id);
    const admitted = reserved ?? this.#reserveLate(offer);
    if (!admitted) return;
    const { intake, rush } = this.#options;
    const starting = { isTerminated: false };
    this.#starting.set(offer.id, starting);
    try {
      await rush.calm();
      await intake.assigned({ ...{ offer, ...admitted }, workerId: this.id, link: this.#linkOf(offer.id) });
    } finally {
      this.#starting.delete(offer.id);
    }
    if (starting.isTerminated) intake.terminated(offer.id);
  }

  /** One that comes before the job is there is passed on when it is. */
  #terminated(livekitJobId: string): void {
    const starting = this.#starting.get(livekitJobId);
    if (starting) starting.isTerminated = true;
    else this.#options.intake.terminated(livekitJobId);
  }

  /** An assignment that came after its offer lapsed: run it if there is still a slot, else tell LiveKit that it failed. */
  #reserveLate(offer: OfferedJob): Offer | null {
    const admitted = this.#options.admission.admit(this.agent);
    if (admitted.ok) {
      const jobId = uuidv7();
      return { jobId, participantIdentity: this.#identityOf(offer, jobId), reservation: admitted.reservation };
    }
    this.#options.logger.warn("an assignment came late and no slot is free", {
      livekitJob: offer.id,
      refusal: admitted.refusal,
    });
    void this.#linkOf(offer.id).report("failed", `RESOURCE_EXHAUSTED: late assignment: ${admitted.refusal}`);
    return null;
  }

  #lapsed(livekitJobId: string): void {
    this.#offered.get(livekitJobId)?.reservation.release();
    if (!this.#offered.delete(livekitJobId)) return;
    this.offers.lapsed += 1;
    this.#options.logger.info("an accepted offer was not assigned", { livekitJob: livekitJobId });
  }

  #identityOf({ room, participant }: OfferedJob, jobId: string): string {
    return participantIdentityOf(this.descriptor.identity, {
      jobId,
      agent: this.agent,
      room: room.name,
      participant: participant?.identity ?? null,
      attempt: 1,
    });
  }

  #linkOf(livekitJobId: string): LivekitJobLink {
    return {
      livekitJobId,
      report: (status, error) => this.#connection.updateJob(livekitJobId, status, error),
      settle: (timeoutMs) => this.#connection.settleStatus(timeoutMs),
    };
  }
}

/** Made by LiveKit itself when a room starts, for unnamed workers; such an agent comes to a room once. */
function isAutomatic({ agentName, jobType, attributes }: OfferedJob): boolean {
  return agentName === "" && jobType === "room" && attributes[DISPATCH_ATTRIBUTE] === undefined;
}

function acceptRequestOf({ id, jobType, room, participant, metadata, attributes }: OfferedJob): AcceptRequest {
  const participantIdentity = participant?.identity ?? null;
  return { livekitJobId: id, jobType, room: room.name, participantIdentity, metadata, attributes };
}

/** The host has the same limit; it may be loading, or this process late. Never rejects. */
function withinMs(asked: Promise<AcceptAnswer>, ms: number): Promise<AcceptAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ ok: false, reason: `no answer within ${ms} ms` }), ms);
    asked.catch((error): AcceptAnswer => ({ ok: false, reason: String(error) })).then((answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}
