/** Why a dispatch went where it went, or why it waits, from what was known of each instance. Pure. */
import type { CandidateRow } from "../../db/placement_decisions.ts";

export interface Candidate {
  instanceId: string;
  hostname: string;
  /** Whether it has the agent. */
  isHosting: boolean;
  /** Jobs that run or are reserved, and the most that may. */
  running: number;
  maxJobs: number;
  /** 0 to 1; null: not told yet. */
  loadRatio: number | null;
  region: string | null;
  /** Whether it lies where the request wants it; null: it wants it nowhere. */
  isInRegion: boolean | null;
  /** Why it takes no job of the agent now, in a code; null: it does. */
  refusal: string | null;
}

/** What the deciding instance knows of itself, which is newer than what it has told the others. */
export interface OwnState {
  instanceId: string;
  running: number;
  refusal: string | null;
}

export function candidatesOf(rows: readonly CandidateRow[], region: string | null, own: OwnState | null): Candidate[] {
  return rows.map(({ state, isCordoned, ...row }) => {
    const isOwn = row.instanceId === own?.instanceId;
    const running = isOwn && own ? own.running : row.running;
    return {
      ...row,
      running,
      isInRegion: region === null ? null : row.region === region,
      refusal: isOwn && own ? own.refusal : refusalOf({ ...row, running, state, isCordoned }),
    };
  });
}

function refusalOf({ state, isCordoned, isHosting, running, maxJobs }: CandidateRow): string | null {
  if (!isHosting) return "agent_not_hosted";
  if (state !== "running") return state;
  if (isCordoned) return "cordoned";
  return running >= maxJobs ? "instance_full" : null;
}

/** From what ends by itself to what somebody must do. */
const CLOSENESS = ["instance_full", "agent_full", "breaker_open", "cordoned", "draining"];

/** The one that was closest to taking it, by what stood in the way; null: there is no instance. */
export function nearestMissOf(candidates: readonly Candidate[]): Candidate | null {
  const rank = ({ refusal, isHosting }: Candidate) => {
    if (!isHosting) return CLOSENESS.length + 1;
    if (refusal === null) return -1;
    const place = CLOSENESS.indexOf(refusal);
    return place === -1 ? CLOSENESS.length : place;
  };
  return candidates.toSorted((a, b) => rank(a) - rank(b) || a.running - b.running)[0] ?? null;
}

/** Why the instance that got it got it. */
export function whyPlaced({ placement, attempt, waitedMs }: {
  placement: "direct" | "livekit";
  attempt: number;
  /** From the request to the placement. */
  waitedMs: number;
}): string {
  if (placement === "livekit") return "LiveKit's server chose this instance's worker.";
  if (attempt > 1) return "It had a free slot and claimed the next attempt first.";
  return waitedMs <= AT_ONCE_MS
    ? "It was asked, had a free slot, and nothing waited before."
    : "It was the first to have a free slot, and claimed it from the queue.";
}

/** A request that is placed where it arrives takes less. */
const AT_ONCE_MS = 250;
