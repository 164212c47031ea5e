/** The dispatch that a job of LiveKit's becomes when it was not our call that asked for it. */
import type { Database } from "../../db/client.ts";
import { endWaitingDispatch, type NewDispatch } from "../../db/dispatches.ts";
import type { Change } from "../../db/statement.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { OfferedJob } from "../livekit/job_offer.ts";
import { checkMetadata, priorityInMetadata } from "./metadata_check.ts";
import { rankAt } from "./priority.ts";
import type { DispatchRefusal } from "./refusal.ts";

const MAX_REASON_CHARS = 1_000;

export interface OfferedDispatch {
  dispatch: NewDispatch;
  /** The agent's schema refuses the metadata. */
  refusal: DispatchRefusal | null;
}

export async function offeredDispatch(
  { catalog, server, maxMetadataBytes }: {
    catalog: Pick<AgentCatalog, "find">;
    server: string;
    maxMetadataBytes: number;
  },
  { offer, reservation }: {
    offer: Pick<OfferedJob, "metadata" | "dispatchId" | "agentName" | "jobType"> & { room: { name: string } };
    reservation: { agent: string };
  },
  at: Date,
): Promise<OfferedDispatch> {
  const agent = catalog.find(reservation.agent);
  const given = offer.metadata === "" ? undefined : offer.metadata;
  const verdict = agent
    ? await checkMetadata(agent, given, maxMetadataBytes)
    : { ok: true as const, metadata: given ?? null };
  const priority = priorityInMetadata(verdict.ok ? verdict.metadata : null) ?? "normal";
  const dispatch: NewDispatch = {
    id: uuidv7(at.getTime()),
    agent: reservation.agent,
    server,
    room: offer.room.name,
    priority,
    placement: "livekit",
    origin: "livekit",
    retryOf: null,
    livekitDispatchId: offer.dispatchId === "" ? null : offer.dispatchId,
    metadata: verdict.ok ? verdict.metadata : given,
    traceparent: null,
    rankAt: rankAt(at, priority),
    waitingReason: null,
    // LiveKit starts a job for each participant: the dispatch is for all of them (standing_dispatches.ts).
    participantIdentity: null,
    // Of an automatic one; who asks for an agent by name may want another.
    isAlone: offer.agentName === "" && offer.jobType === "room",
  };
  return { dispatch, refusal: verdict.ok ? null : verdict.refusal };
}

/** Ends a stored one whose metadata the agent's schema refuses as failed; nothing joins the room. Returns why. */
export async function recordInvalidOffer(
  database: Database,
  dispatchId: string,
  refusal: DispatchRefusal,
  change: Change,
): Promise<string> {
  const errors = refusal.code === "invalid_metadata"
    ? refusal.errors.map(({ path, message }) => `${path}: ${message}`).join("; ")
    : refusal.code;
  const message = errors.slice(0, MAX_REASON_CHARS);
  const remedy = "Correct the metadata where the dispatch is made; the agent's schema is in GET /api/v1/agents.";
  await endWaitingDispatch(database, dispatchId, "failed", { code: refusal.code, message, remedy }, change);
  return message;
}
