/**
 * Live events of the whole fleet: what another instance does to a dispatch is told to who listens here.
 *
 *   change here ─▶ notice "jobs" (its id) ─▶ the others read the dispatch, once per round for all ids ─▶ their hubs
 *
 * - Nothing is read while nobody listens. What this instance knows first (its own jobs, what is kept live here) is told from
 *   memory, never from here.
 * - A notice may come before the commit that it tells of: an id is looked at again RETRIES times. Notices may be lost or
 *   switched off: every POLL_MS (NOTIFIED_POLL_MS) the changes of the last WINDOW_MS are read (a window with overlap,
 *   because commits do not come in the order of their times), and what is listened to or known to be running.
 * - Each dispatch is told when it differs from what was told last, so reading one twice says nothing twice. What was told
 *   while a read was under way is newer than what the read gives: that one is passed over, and read again.
 */
import type { Database } from "../../db/client.ts";
import { listDispatchesById } from "../../db/dispatch_reads.ts";
import { listChangedDispatches } from "../../db/transitions.ts";
import type { Notices } from "../coordination/notices.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { Hub } from "../updates/hub.ts";
import { dispatchIdOf, dispatchTopic } from "../updates/topics.ts";
import { publishDispatchChange } from "./dispatch_updates.ts";
import { type DispatchView, viewOfDispatch } from "./dispatch_view.ts";
import { changesBetween } from "./changes_between.ts";

export interface FleetEventsOptions {
  database: Database;
  instanceId: string;
  hub: Pick<Hub, "publish" | "hasSubscribers" | "subscribedTopics">;
  notices: Pick<Notices, "on" | "tell">;
  /** Whether there is another instance to tell. */
  hasOthers: () => boolean;
  /** Whether a dispatch is kept live here: then it is told from there. */
  isLive: (dispatchId: string) => boolean;
  /** Something that is kept live here may have changed elsewhere. */
  onNotice: () => void;
  /** False: notices are switched off, so that polling is all there is. */
  isNotified: boolean;
  logger: Logger;
}

const POLL_MS = 1_000;
const NOTIFIED_POLL_MS = 3_000;
const GATHER_MS = 20;
const RETRIES = 2;
const RETRY_MS = 150;
const WINDOW_MS = 10_000;
/** Dispatches per round; the rest waits for the next one. */
const MAX_PER_ROUND = 500;
const MAX_PENDING = 5_000;
/** Dispatches whose last known view is kept. */
const MAX_KNOWN = 2_000;

export class FleetEvents implements Service {
  readonly name = "fleet-events";
  readonly #options: FleetEventsOptions;
  readonly #alarm = new Alarm();
  /** Ids to look at, with how often yet when there is nothing new. */
  readonly #pending = new Map<string, number>();
  /** What was told last, the latest last. */
  readonly #known = new Map<string, DispatchView>();
  #nextPollAtMs = 0;

  constructor(options: FleetEventsOptions) {
    this.#options = options;
  }

  /** A dispatch changed here, and is told here already: the others hear of it. */
  changedHere(view: DispatchView): void {
    const { hasOthers, notices } = this.#options;
    const known = this.#known.get(view.id) ?? null;
    if (!hasOthers() || (known !== null && changesBetween(known, view).length === 0)) return;
    this.#know(view);
    notices.tell("jobs", view.id);
  }

  /** Another instance did this, and it is told here already. */
  heard(view: DispatchView): void {
    this.#know(view);
  }

  /** Somebody who listens was just told all of this: only what differs from it is news. */
  shown(view: DispatchView): void {
    if (!this.#known.has(view.id)) this.#know(view);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { notices, onNotice, logger } = this.#options;
    const stopListening = notices.on((topic, subjects) => {
      if (topic !== "jobs") return;
      if (subjects.length === 0) this.#nextPollAtMs = 0;
      for (const id of subjects) if (this.#pending.size < MAX_PENDING) this.#pending.set(id, RETRIES);
      onNotice();
      this.#alarm.ring();
    });
    while (!signal.aborted) {
      const untilPollMs = Math.max(0, this.#nextPollAtMs - performance.now());
      await this.#alarm.wait(this.#pending.size > 0 ? Math.min(RETRY_MS, untilPollMs) : untilPollMs, signal);
      await abortableWait(GATHER_MS, signal);
      if (signal.aborted) break;
      try {
        await this.look(performance.now());
      } catch (error) {
        logger.debug("changes of other instances could not be read; trying again", { error });
      }
    }
    stopListening();
  }

  /** One round. Throws what the database throws. */
  async look(nowMs: number): Promise<void> {
    const { database, instanceId, isLive, isNotified } = this.#options;
    const isPoll = nowMs >= this.#nextPollAtMs;
    if (isPoll) this.#nextPollAtMs = nowMs + (isNotified ? NOTIFIED_POLL_MS : POLL_MS);
    const wanted = await this.#wanted(isPoll);
    if (wanted.length === 0) return;
    const before = new Map(wanted.map((id) => [id, this.#known.get(id)]));
    for (const row of await listDispatchesById(database, wanted)) {
      const view = viewOfDispatch(row);
      const isOurs = view.jobs.at(-1)?.instanceId === instanceId || isLive(view.id);
      const isPassed = this.#known.get(view.id) !== before.get(view.id);
      if (isOurs || (!isPassed && this.#tell(view))) this.#pending.delete(view.id);
    }
  }

  /** Whom somebody here listens to among what may have changed. */
  async #wanted(isPoll: boolean): Promise<string[]> {
    const { database, hub, isLive } = this.#options;
    const ids = new Set<string>();
    const listensToAll = hub.hasSubscribers("dispatches");
    for (const [id, retries] of this.#pending) {
      const isHeard = !isLive(id) && (listensToAll || hub.hasSubscribers(dispatchTopic(id)));
      if (isHeard && ids.size < MAX_PER_ROUND) ids.add(id);
      if (isHeard && retries > 0) this.#pending.set(id, retries - 1);
      else this.#pending.delete(id);
    }
    if (!isPoll) return [...ids];
    for (const topic of hub.subscribedTopics()) {
      const id = dispatchIdOf(topic);
      if (id !== null && ids.size < MAX_PER_ROUND) ids.add(id);
    }
    if (!listensToAll) return [...ids];
    for (const id of await listChangedDispatches(database, WINDOW_MS, MAX_PER_ROUND)) ids.add(id);
    // Stages are no transitions: what is on its way is looked at until it is ready.
    for (const [id, view] of this.#known) {
      const isOnItsWay = view.jobs.length > 0 && view.stages.endedAt === null && view.stages.readyAt === null;
      if (isOnItsWay && ids.size < 2 * MAX_PER_ROUND) ids.add(id);
    }
    return [...ids].filter((id) => !isLive(id) && !this.#known.get(id)?.stages.endedAt);
  }

  /** True when there was something new. */
  #tell(view: DispatchView): boolean {
    const { hub } = this.#options;
    const changes = changesBetween(this.#known.get(view.id) ?? null, view);
    this.#know(view);
    for (const change of changes) publishDispatchChange(hub, view, change);
    return changes.length > 0;
  }

  /** A copy: what is kept live goes on changing. */
  #know(view: DispatchView): void {
    const jobs = view.jobs.map((job) => ({ ...job, flags: [...job.flags] }));
    this.#known.delete(view.id);
    this.#known.set(view.id, { ...view, metadata: null, stages: { ...view.stages }, jobs });
    for (const [oldest] of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }
}
