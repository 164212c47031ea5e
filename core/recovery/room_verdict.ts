/**
 * The room is the fence: what to do about a job whose owner seems to be gone is decided by what is seen in its room. Pure.
 *
 *   not reachable ──▶ unknown        no verdict: nothing starts, nothing counts
 *   agent there ──▶ probe ──answers──▶ serves       leave it; probe again later
 *                       └──silent for the limit──▶ dead          remove it, then the next attempt
 *   agent not there, room open ──▶ gone              the next attempt now
 *   room gone, or emptied of its people ──▶ over     ends as room_closed; believed only after a calm time
 *
 * A killed agent stays ACTIVE in the server's eyes for about 20 s (livekit.md 7b), so presence proves nothing; only an
 * answer does: a live child answers a probe in 3 ms (p50).
 */

export interface RoomSight {
  /** Null when LiveKit could not be asked. */
  participants: readonly { identity: string; isAgent: boolean }[] | null;
  /** How long LiveKit has answered without a break. */
  reachableForMs: number;
  /** Whether people were seen in the room while the job ran. */
  hadHumans: boolean;
  /** Identity of the job's agent. */
  identity: string;
  /** The probe that was sent, if any. */
  probe: { sentAgoMs: number; isAnswered: boolean } | null;
  /** The owner's session lock is free: its process is gone, or cut off from the database. */
  isOwnerLockFree: boolean;
}

export type RoomVerdict =
  | { verdict: "unknown"; reason: "livekit_unreachable" | "waiting_for_calm" }
  | { verdict: "probe" }
  | { verdict: "serves" }
  | { verdict: "dead" }
  | { verdict: "gone" }
  | { verdict: "over" };

/** A probe that is not answered for so long means dead, with and without the owner's lock as evidence. */
export const PROBE_LIMIT_LOCK_FREE_MS = 1_000;
export const PROBE_LIMIT_MS = 3_000;
/** After a restart LiveKit knows no room for a while, and people come back only after seconds. */
export const CALM_MS = 30_000;

export function judgeRoom(sight: RoomSight): RoomVerdict {
  const { participants, probe } = sight;
  if (participants === null) return { verdict: "unknown", reason: "livekit_unreachable" };
  if (participants.some(({ identity }) => identity === sight.identity)) {
    if (probe === null) return { verdict: "probe" };
    if (probe.isAnswered) return { verdict: "serves" };
    const limitMs = sight.isOwnerLockFree ? PROBE_LIMIT_LOCK_FREE_MS : PROBE_LIMIT_MS;
    return { verdict: probe.sentAgoMs >= limitMs ? "dead" : "probe" };
  }
  const isEmptied = sight.hadHumans && !participants.some(({ isAgent }) => !isAgent);
  if (!isEmptied) return { verdict: "gone" };
  return sight.reachableForMs >= CALM_MS ? { verdict: "over" } : { verdict: "unknown", reason: "waiting_for_calm" };
}
