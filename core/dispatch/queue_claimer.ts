/**
 * Takes waiting dispatches for this instance's free slots. Woken by a freed slot, a new dispatch here or at another instance,
 * an agent or LiveKit coming back; a poll is the backstop.
 *
 *   look (one read for all agents: whose dispatches come next) → reserve a slot for each in memory → claim (one statement)
 *
 * A look that finds nothing reserves nothing, so that an empty queue never takes a slot from a request, even for a moment;
 * what another instance took in between gives its slot back, so a claim never overbooks.
 */
import type { Database } from "../../db/client.ts";
import { ANY_REGION } from "../../db/claim_scope.ts";
import { claimDispatches, type ClaimedDispatch, type ClaimSlot, listClaimable } from "../../db/claims.ts";
import { setWaitingReason } from "../../db/dispatches.ts";
import { endJob } from "../../db/jobs.ts";
import type { Admission, Reservation } from "../capacity/admission.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { JobEndReason } from "../runtime/job_end.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import type { JobStarter } from "./job_starter.ts";
import type { RegionPreference } from "./region_preference.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { waitingReasonHere, waitingReasonInFleet } from "./waiting_reason.ts";

/** Dispatches that one statement claims at the most. */
const CLAIM_BATCH = 20;
/** `not_before` counts by the database's clock, which rounds and may be a little behind ours; the poll is the backstop. */
const CLOCK_MARGIN_MS = 5;

export interface QueueClaimerOptions {
  database: Database;
  instanceId: string;
  catalog: AgentCatalog;
  admission: Admission;
  health: LivekitHealth;
  starter: JobStarter;
  live: LiveDispatches;
  /** What is left to other regions' instances; absent: nothing. */
  regions?: Pick<RegionPreference, "scope">;
  /** Why what LiveKit had nobody to give to need not start any more; absent: it starts. Must not reject. */
  whyUnwanted?: (claimed: ClaimedOffer) => Promise<JobEndReason | null>;
  /** Whether another instance takes jobs of an agent: then what stands against them here is no reason to wait. */
  isServedElsewhere?: (agent: string) => boolean;
  pollMs: number;
  logger: Logger;
  now?: () => Date;
}

/** A job that LiveKit had nobody to give to (awaited_offers.ts), just claimed. */
export type ClaimedOffer = Pick<ClaimedDispatch, "room" | "agent" | "participantIdentity" | "jobId">;

export class QueueClaimer implements Service {
  readonly name = "queue-claimer";
  readonly #options: QueueClaimerOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** What was last written as the reason why an agent's dispatches wait; null: just for a slot. */
  readonly #reasons = new Map<string, string | null>();

  constructor(options: QueueClaimerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Looks at the queue soon; many calls in a row make one look. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Looks at the queue when a dispatch may be claimed that waits until then (null: now). */
  wakeAt(notBefore: Date | null): void {
    const waitMs = notBefore === null ? 0 : notBefore.getTime() - this.#now().getTime();
    if (waitMs <= 0) return this.wake();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.wake();
    }, waitMs + CLOCK_MARGIN_MS);
    this.#timers.add(timer);
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
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
  }

  /** One look: claims and starts what fits. Returns how many were started. */
  async claimOnce(): Promise<number> {
    const { catalog, admission } = this.#options;
    const free: { agent: string; count: number }[] = [];
    for (const agent of catalog.list()) {
      if (agent.state === "loading") continue;
      const reason = waitingReasonHere(agent, this.#options);
      await this.#explain(agent.name, reason);
      const count = reason === null ? Math.min(admission.freeFor(agent.name), CLAIM_BATCH) : 0;
      if (count > 0) free.push({ agent: agent.name, count });
    }
    return free.length === 0 ? 0 : await this.#claim(free);
  }

  /** While there is a reason, also for what came to wait since; the end of one is told once. */
  async #explain(agent: string, here: string | null): Promise<void> {
    const { database } = this.#options;
    const reason = waitingReasonInFleet(agent, here, this.#options);
    if (reason === null && (this.#reasons.get(agent) ?? null) === null) return;
    await setWaitingReason(database, agent, reason);
    this.#tell(agent, reason);
  }

  /** For who follows one that waits: what was written is also seen here. */
  #tell(agent: string, reason: string | null): void {
    if (this.#reasons.get(agent) === reason) return;
    this.#reasons.set(agent, reason);
    for (const live of this.#options.live.list()) {
      const { view } = live;
      const isWaiting = view.agent === agent && view.state === "queued" && view.placement === "direct";
      if (isWaiting && view.waitingReason !== reason) live.waits(reason);
    }
  }

  async #claim(free: readonly { agent: string; count: number }[]): Promise<number> {
    const { database, instanceId, regions } = this.#options;
    const scope = regions?.scope ?? ANY_REGION;
    const reservations = this.#reserve(await listClaimable(database, free, scope, CLAIM_BATCH));
    if (reservations.length === 0) return 0;
    const at = this.#now();
    const slots = reservations.map(({ agent }) => this.#slotFor(agent, at));
    let claimed: ClaimedDispatch[] = [];
    try {
      const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause: "a slot was free", at };
      const jobIds = slots.map(({ jobId }) => jobId);
      claimed = await this.#options.starter.placing.during(
        jobIds,
        () => claimDispatches(database, instanceId, slots, scope, change),
      );
    } finally {
      const taken = new Set(claimed.map(({ jobId }) => jobId));
      reservations.forEach((unused, index) => taken.has(slots[index]?.jobId ?? "") || unused.release());
    }
    for (const dispatch of claimed) {
      const index = slots.findIndex(({ jobId }) => jobId === dispatch.jobId);
      const [slot, reservation] = [slots[index], reservations[index]];
      if (slot && reservation) this.#start(dispatch, slot.leaseToken, reservation, at);
    }
    return claimed.length;
  }

  #slotFor(agent: string, at: Date): ClaimSlot {
    const identity = this.#options.catalog.find(agent)?.descriptor?.identity ?? null;
    return { agent, identity, jobId: uuidv7(at.getTime()), leaseToken: crypto.randomUUID() };
  }

  /** Reads nothing: what is claimed must start, also when the database goes away now. */
  #start(claimed: ClaimedDispatch, leaseToken: string, reservation: Reservation, at: Date): void {
    const { live, starter, instanceId } = this.#options;
    const view = newDispatchView({ ...claimed, placement: "direct", waitingReason: null }, claimed.createdAt);
    const known = live.find(claimed.id);
    const tracked = known ?? live.track(view);
    const job = {
      id: claimed.jobId,
      attempt: claimed.attempt,
      participant: claimed.participantIdentity,
      participantIdentity: claimed.jobIdentity,
      instanceId,
      workerId: null,
      livekitJobId: null,
    };
    tracked.assigned(newJobView(tracked.view, job, at));
    const start = () =>
      starter.start(tracked, { leaseToken, reservation, traceparent: claimed.traceparent, livekit: null });
    // For nobody there no agent comes, however late who waited has left.
    if (claimed.origin === "livekit" && claimed.attempt === 1) {
      void this.#startIfWanted(claimed, tracked, { leaseToken, reservation }, start);
    } else start();
    if (claimed.attempt > 1 && known === null) void this.#addEarlierJobs(tracked, claimed.jobId);
  }

  async #startIfWanted(
    claimed: ClaimedDispatch,
    tracked: LiveDispatch,
    { leaseToken, reservation }: { leaseToken: string; reservation: Reservation },
    start: () => unknown,
  ): Promise<void> {
    const { database, instanceId, starter, live, whyUnwanted, logger } = this.#options;
    const { id: dispatchId, jobId } = claimed;
    const endReason = await starter.placing.during([jobId], () => whyUnwanted?.(claimed) ?? Promise.resolve(null));
    if (endReason === null) return void start();
    reservation.release();
    const at = this.#now();
    const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause: endReason, at };
    try {
      const key = { jobId, dispatchId, leaseToken };
      await endJob(database, key, { state: "cancelled", endReason, failure: null }, change);
      tracked.jobEnded({ outcome: "cancelled", endReason }, at, null);
    } catch (error) {
      // Done by the reconciler: nothing runs here that the database says is ours.
      logger.warn("a job that nobody awaits could not be ended", { job: jobId, dispatch: dispatchId, error });
    } finally {
      live.forgetIfIdle(dispatchId);
    }
  }

  /** What ran elsewhere before is only shown, so that the new attempt does not wait for it. */
  async #addEarlierJobs(tracked: LiveDispatch, jobId: string): Promise<void> {
    try {
      const found = await findDispatch(this.#options.database, tracked.view.id);
      const earlier = found === null ? [] : viewOfDispatch(found).jobs.filter(({ id }) => id !== jobId);
      const known = new Set(tracked.view.jobs.map(({ id }) => id));
      tracked.view.jobs.unshift(...earlier.filter(({ id }) => !known.has(id)));
    } catch (error) {
      this.#options.logger.warn("earlier attempts could not be read", { dispatch: tracked.view.id, error });
    }
  }

  /** For each, as far as slots go. */
  #reserve(agents: readonly string[]): Reservation[] {
    return agents.flatMap((agent) => {
      const admitted = this.#options.admission.admit(agent);
      return admitted.ok ? [admitted.reservation] : [];
    });
  }
}
