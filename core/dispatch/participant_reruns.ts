/**
 * Runs the jobs of standing dispatches (standing_dispatches.ts) again, each for its participant:
 *
 *   last job of a participant failed ──policy──▶ SKIP, TERMINATE ─▶ noted on the job (flag not_rerun)
 *                                            └─▶ RETRY, BACKOFF ─ when its time has come, a slot is free, the participant
 *                                                is in the room and LiveKit still has the dispatch ─▶ next job, placed here
 *
 * What is to be done is read from the jobs themselves, so that nothing is lost when an instance dies: any instance that
 * hosts the agent goes on with it. Of two that act at once the database lets one insert the job. Attempts are those in a
 * row that failed. LiveKit that can't be asked decides nothing: it is looked at again.
 */
import { participantIdentityOf } from "../agent/participant_identity.ts";
import type { Database } from "../../db/client.ts";
import type { NewJob } from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { addJobFlag } from "../../db/jobs.ts";
import { listLostParticipantJobs, type LostParticipantJob, NOT_RERUN } from "../../db/reruns.ts";
import { addParticipantJob } from "../../db/standing_dispatches.ts";
import type { Admission, Reservation } from "../capacity/admission.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { JobStarter } from "./job_starter.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { newJobView } from "./new_views.ts";

/** Not before this time, or (null) no more. */
export type RerunDecision = { notBefore: Date } | null;

export interface ParticipantRerunsOptions {
  database: Database;
  instanceId: string;
  /** Name of the LiveKit server in rows. */
  server: string;
  api: Pick<ServerApi, "findParticipant" | "listDispatches">;
  catalog: AgentCatalog;
  admission: Pick<Admission, "admit">;
  live: LiveDispatches;
  starter: JobStarter;
  /** The agent's recovery policy; asked once per job. */
  decide: (job: LostParticipantJob) => Promise<RerunDecision>;
  /** A job that LiveKit does not know has begun. */
  onRerun?: () => void;
  logger: Logger;
  now?: () => Date;
}

const LOOK_EVERY_MS = 5_000;
const MAX_PER_LOOK = 100;
const MAX_DECISIONS = 1_000;

export class ParticipantReruns implements Service {
  readonly name = "participant-reruns";
  readonly #options: ParticipantRerunsOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();
  /** By job: so that an agent's hooks are asked once though its time has not come yet. */
  readonly #decisions = new Map<string, RerunDecision>();

  constructor(options: ParticipantRerunsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Looks soon: a job of a standing dispatch has ended, or a slot is free. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let nextMs = LOOK_EVERY_MS;
      try {
        nextMs = Math.min(nextMs, await this.lookOnce());
      } catch (error) {
        this.#options.logger.warn("could not look for lost jobs of participants; trying again", { error });
      }
      await this.#alarm.wait(nextMs, signal);
    }
  }

  /** One look; returns in how many milliseconds one of them is due. Throws when database or LiveKit can't be asked. */
  async lookOnce(): Promise<number> {
    const { database, server, instanceId, catalog } = this.#options;
    const agents = catalog.list().filter(({ state }) => state === "ready").map(({ name }) => name);
    if (agents.length === 0) return Infinity;
    const lost = await listLostParticipantJobs(database, { server, instanceId, agents, limit: MAX_PER_LOOK });
    let nextMs = Infinity;
    for (const job of lost) {
      const decision = await this.#decide(job);
      const waitMs = decision === null ? 0 : decision.notBefore.getTime() - this.#now().getTime();
      if (decision === null) await this.#giveUp(job, "its agent's policy allows no further attempt");
      else if (waitMs > 0) nextMs = Math.min(nextMs, waitMs);
      else await this.#rerun(job);
    }
    return nextMs;
  }

  async #decide(job: LostParticipantJob): Promise<RerunDecision> {
    const known = this.#decisions.get(job.jobId);
    if (known !== undefined) return known;
    const decided = await this.#options.decide(job);
    if (this.#decisions.size >= MAX_DECISIONS) this.#decisions.clear();
    this.#decisions.set(job.jobId, decided);
    return decided;
  }

  async #rerun(lost: LostParticipantJob): Promise<void> {
    const { admission, api } = this.#options;
    const { room, participant, livekitDispatchId } = lost;
    if (await api.findParticipant(room, participant) === null) {
      return await this.#giveUp(lost, "who it was for has left");
    }
    if (!(await api.listDispatches(room)).some(({ id }) => id === livekitDispatchId)) {
      return await this.#giveUp(lost, "LiveKit's dispatch was deleted");
    }
    const admitted = admission.admit(lost.agent);
    if (!admitted.ok) return; // a slot that gets free wakes us
    let isStarted = false;
    try {
      isStarted = await this.#place(lost, admitted.reservation);
    } finally {
      if (!isStarted) admitted.reservation.release();
    }
  }

  async #place(lost: LostParticipantJob, reservation: Reservation): Promise<boolean> {
    const { database, server, instanceId, starter, live, catalog, onRerun, logger } = this.#options;
    const { agent, room, participant, dispatchId, livekitDispatchId } = lost;
    const at = this.#now();
    const jobId = uuidv7(at.getTime());
    const attempt = lost.jobCount + 1;
    const template = catalog.find(agent)?.descriptor?.identity ?? null;
    const participantIdentity = participantIdentityOf(template, { jobId, agent, room, participant, attempt });
    const leaseToken = crypto.randomUUID();
    const job: NewJob = {
      ...{ id: jobId, attempt, participant, participantIdentity, instanceId, leaseToken },
      ...{ workerId: null, livekitJobId: null },
    };
    const cause = `run again: ${lost.failureKind}`;
    const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause, at };
    const added = await starter.placing.during(
      [jobId],
      () => addParticipantJob(database, { server, dispatchId, livekitDispatchId }, job, change),
    );
    if (added === null) return false;
    const tracked = live.find(dispatchId) ?? await this.#track(dispatchId, jobId);
    if (tracked === null) return false;
    const view = newJobView(tracked.view, { ...job, attempt: added.attempt }, at);
    tracked.assigned(view);
    starter.start(tracked, { leaseToken, reservation, traceparent: added.traceparent, livekit: null, job: view });
    logger.info("a participant's job is run again", { dispatch: dispatchId, job: jobId, room, participant, cause });
    onRerun?.();
    return true;
  }

  async #track(dispatchId: string, newJobId: string): Promise<LiveDispatch | null> {
    const { database, live } = this.#options;
    const found = await findDispatch(database, dispatchId);
    if (!found) return null;
    return live.track(viewOfDispatch({ ...found, jobs: found.jobs.filter(({ id }) => id !== newJobId) }));
  }

  async #giveUp({ jobId, dispatchId, leaseToken, room, participant }: LostParticipantJob, why: string): Promise<void> {
    this.#decisions.delete(jobId);
    await addJobFlag(this.#options.database, { jobId, dispatchId, leaseToken }, NOT_RERUN);
    this.#options.logger.info("a participant's job is not run again", { job: jobId, room, participant, why });
  }
}
