/** The answer of `GET /api/v1/dispatches/{id}/explain`: each placement as it was decided, and why it waits if it does. */
import { z } from "zod";
import type { Database } from "../../db/client.ts";
import { estimateSlotFreesMs, listCandidates, listPlacementDecisions } from "../../db/placement_decisions.ts";
import type { PlacementDecision } from "./decision_recorder.ts";
import type { DispatchView } from "./dispatch_view.ts";
import { candidatesOf, nearestMissOf, type OwnState } from "./explain_placement.ts";

const candidateSchema = z.object({
  instanceId: z.uuid(),
  hostname: z.string(),
  isHosting: z.boolean(),
  running: z.int().meta({ description: "Jobs on the instance, with this one where it was placed." }),
  maxJobs: z.int(),
  loadRatio: z.number().nullable(),
  region: z.string().nullable(),
  isInRegion: z.boolean().nullable().meta({ description: "Null: the request named no region." }),
  refusal: z.string().nullable().meta({ description: "Why it took no job of the agent; null: it did, or could have." }),
});

export const explanationSchema = z.object({
  dispatchId: z.uuid(),
  placements: z.array(z.object({
    jobId: z.uuid().nullable(),
    instanceId: z.uuid().meta({ description: "The one that got it." }),
    at: z.iso.datetime(),
    why: z.string(),
    answerMs: z.number().meta({
      description: "From the request (from its start, when scheduled) until the placement was stored.",
    }),
    candidates: z.array(candidateSchema),
  })).meta({ description: "One for each attempt, oldest first; written within seconds." }),
  waiting: z.object({
    reason: z.string().nullable().meta({ description: "As waitingReason." }),
    nearestMiss: z.uuid().nullable().meta({ description: "The instance that was closest to taking it." }),
    slotFreesInMs: z.number().nullable().meta({
      description: "When the first running call should end, by how long such calls usually last; null: unknown.",
    }),
    candidates: z.array(candidateSchema),
  }).nullable().meta({ description: "As it is now; null: it does not wait." }),
}).meta({ id: "Explanation" });

export type Explanation = z.infer<typeof explanationSchema>;

/** @param own what this instance knows of itself, when it hosts the agent. */
export async function explainDispatch(
  database: Database,
  view: DispatchView,
  own: OwnState | null,
): Promise<Explanation> {
  const [decisions, waiting] = await Promise.all([
    listPlacementDecisions(database, view.id),
    view.state === "queued" ? explainWaiting(database, view, own) : null,
  ]);
  const placements = decisions.map(({ jobId, instanceId, at, decision }) => ({
    ...{ jobId, instanceId, at: at.toISOString() },
    ...decision as PlacementDecision,
  }));
  return { dispatchId: view.id, placements, waiting };
}

async function explainWaiting(
  database: Database,
  { agent, region, waitingReason }: DispatchView,
  own: OwnState | null,
): Promise<Explanation["waiting"]> {
  const [rows, slotFreesInMs] = await Promise.all([
    listCandidates(database, agent),
    estimateSlotFreesMs(database, agent),
  ]);
  const candidates = candidatesOf(rows, region, own);
  const nearest = nearestMissOf(candidates);
  return { reason: waitingReason, nearestMiss: nearest?.instanceId ?? null, slotFreesInMs, candidates };
}
