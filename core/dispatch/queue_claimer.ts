/**
 * Takes waiting dispatches for this instance's free slots. Woken by a freed slot, a new dispatch, an agent or LiveKit
 * coming back; a poll is the backstop. Slots are reserved in memory before the statement and given back when it
 * claims fewer, so a claim never overbooks.
 */
import type { Database } from "../../db/client.ts";
import { claimDispatches, type ClaimedDispatch, hasClaimable, setWaitingReason } from "../../db/dispatches.ts";
import type { Admission, Reservation } from "../capacity/admission.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { AgentCatalog, AgentEntry } from "../runtime/agent_catalog.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import type { JobStarter } from "./job_starter.ts";
import type { LiveDispatches } from "./live_dispatches.ts";

/** Dispatches that one statement claims at the most. */
const CLAIM_BATCH = 10;

export interface QueueClaimerOptions {
  database: Database;
  instanceId: string;
  catalog: AgentCatalog;
  admission: Admission;
  health: LivekitHealth;
  starter: JobStarter;
  live: LiveDispatches;
  pollMs: number;
  logger: Logger;
  now?: () => Date;
}

export class QueueClaimer implements Service {
  readonly name = "queue-claimer";
  readonly #options: QueueClaimerOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();

  constructor(options: QueueClaimerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Looks at the queue soon; many calls in a row make one look. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        while (await this.claimOnce() > 0 && !signal.aborted);
      } catch (error) {
        this.#options.logger.error("could not look at the queue; trying again", { error });
      }
      await this.#alarm.wait(this.#options.pollMs, signal);
    }
  }

  /** One look: claims and starts what fits. Returns how many were started. */
  async claimOnce(): Promise<number> {
    const { catalog, health, database } = this.#options;
    let started = 0;
    for (const agent of catalog.list()) {
      const reason = agent.state === "broken" ? "agent_broken" : health.isReachable ? null : "livekit_unreachable";
      if (agent.state === "loading") continue;
      if (agent.state === "ready" && reason === null) started += await this.#claimFor(agent);
      else await setWaitingReason(database, agent.name, reason);
    }
    return started;
  }

  async #claimFor(agent: AgentEntry): Promise<number> {
    const { database, instanceId } = this.#options;
    // Looked at before anything is reserved, so that an empty queue never takes a slot from a request, even for a moment.
    if (this.#options.admission.freeFor(agent.name) === 0 || !await hasClaimable(database, agent.name)) return 0;
    const reservations = this.#reserve(agent.name);
    if (reservations.length === 0) return 0;
    let claimed: ClaimedDispatch[] = [];
    const at = this.#now();
    const jobs = reservations.map(() => ({ id: uuidv7(at.getTime()), leaseToken: crypto.randomUUID() }));
    try {
      const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause: "a slot was free", at };
      claimed = await claimDispatches(database, agent.name, instanceId, jobs, change);
    } finally {
      for (const unused of reservations.splice(claimed.length)) unused.release();
    }
    for (const [index, dispatch] of claimed.entries()) {
      const leaseToken = jobs.find((job) => job.id === dispatch.jobId)?.leaseToken;
      const reservation = reservations[index];
      if (leaseToken && reservation) this.#start(dispatch, leaseToken, reservation, at);
    }
    return claimed.length;
  }

  /** Reads nothing: what is claimed must start, also when the database goes away now. */
  #start(claimed: ClaimedDispatch, leaseToken: string, reservation: Reservation, at: Date): void {
    const { live, starter, instanceId } = this.#options;
    const view = newDispatchView({ ...claimed, placement: "direct", waitingReason: null }, claimed.createdAt);
    const tracked = live.find(claimed.id) ?? live.track(view);
    const job = {
      id: claimed.jobId,
      attempt: claimed.attempt,
      participant: null,
      participantIdentity: `agent-${claimed.jobId}`,
      instanceId,
      workerId: null,
      livekitJobId: null,
    };
    tracked.assigned(newJobView(tracked.view, job, at));
    starter.start(tracked, { leaseToken, reservation, traceparent: claimed.traceparent, livekit: null });
  }

  #reserve(agent: string): Reservation[] {
    const reservations: Reservation[] = [];
    while (reservations.length < CLAIM_BATCH) {
      const admitted = this.#options.admission.admit(agent);
      if (!admitted.ok) break;
      reservations.push(admitted.reservation);
    }
    return reservations;
  }
}
