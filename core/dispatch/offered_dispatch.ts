/** The dispatch that a job of LiveKit's becomes when it was not our call that asked for it. */
import type { NewDispatch } from "../../db/dispatches.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { AssignedOffer } from "../worker/agent_worker.ts";
import { checkMetadata, priorityInMetadata } from "./metadata_check.ts";
import { rankAt } from "./priority.ts";
import type { DispatchRefusal } from "./refusal.ts";

export interface OfferedDispatch {
  dispatch: NewDispatch;
  /** The agent's schema refuses the metadata. */
  refusal: DispatchRefusal | null;
}

export async function offeredDispatch(
  { catalog, server, maxMetadataBytes }: { catalog: AgentCatalog; server: string; maxMetadataBytes: number },
  { offer, reservation }: Pick<AssignedOffer, "offer" | "reservation">,
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
