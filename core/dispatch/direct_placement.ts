/** Placing a new dispatch at once, in a slot of this instance: reserved in memory, stored in one statement, then started. */
import { ANY_REGION } from "../../db/claim_scope.ts";
import type { Database } from "../../db/client.ts";
import { insertPlacedDispatch, type NewDispatch, type OnceKey } from "../../db/dispatches.ts";
import type { Change } from "../../db/statement.ts";
import { participantIdentityOf } from "../agent/participant_identity.ts";
import type { Admission } from "../capacity/admission.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { JobStarter } from "./job_starter.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import type { RegionPreference } from "./region_preference.ts";

export interface DirectPlacementOptions {
  database: Database;
  instanceId: string;
  catalog: AgentCatalog;
  admission: Admission;
  starter: JobStarter;
  live: LiveDispatches;
  /** Which dispatches are left to instances of another region; absent: none. */
  regions?: RegionPreference;
}

export interface DirectRequest {
  dispatch: NewDispatch;
  idempotency: OnceKey | null;
  /** `at`: when it was asked for. */
  change: Omit<Change, "changeId">;
}

/** Null when there is no slot here or something waits before it. Throws what the database throws; nothing is started then. */
export async function placeDirectly(
  options: DirectPlacementOptions,
  { dispatch, idempotency, change }: DirectRequest,
): Promise<LiveDispatch | null> {
  const { database, admission, live, starter, regions } = options;
  const admitted = admission.admit(dispatch.agent);
  if (!admitted.ok) return null;
  const { reservation } = admitted;
  const job = newJob(options, dispatch, change.at);
  const tracked = live.track(newDispatchView(dispatch, change.at));
  const assigned = newJobView(tracked.view, job, change.at);
  const token = starter.mintToken(tracked.view, assigned);
  token.catch(() => {}); // awaited by the job, if it comes to that
  const identified = { changeId: crypto.randomUUID(), ...change };
  const scope = regions?.scope ?? ANY_REGION;
  let isPlaced = false;
  try {
    isPlaced = await starter.placing.during(
      [job.id],
      () => insertPlacedDispatch(database, dispatch, job, identified, idempotency, { scope }),
    );
  } finally {
    if (!isPlaced) {
      reservation.release();
      live.forgetIfIdle(dispatch.id);
    }
  }
  if (!isPlaced) return null;
  tracked.assigned(assigned);
  const { traceparent } = dispatch;
  starter.start(tracked, { leaseToken: job.leaseToken, reservation, traceparent, livekit: null, token });
  return tracked;
}

function newJob({ catalog, instanceId }: DirectPlacementOptions, dispatch: NewDispatch, at: Date) {
  const { agent, room, participantIdentity: participant } = dispatch;
  const id = uuidv7(at.getTime());
  const attempt = 1;
  const template = catalog.find(agent)?.descriptor?.identity ?? null;
  return {
    ...{ id, attempt, participant, instanceId, workerId: null, livekitJobId: null },
    participantIdentity: participantIdentityOf(template, { jobId: id, agent, room, participant, attempt }),
    leaseToken: crypto.randomUUID(),
  };
}
