/**
 * Whether another instance is dead. Pure. An instance proves life twice: by a heartbeat (every second, a lease of 8 s, on
 * database time) and by a session lock that Postgres frees the moment its process dies.
 *
 * - Dead by its lock: free on two looks at least LOOKS_APART_MS apart, and at the second the heartbeat is older than
 *   BEAT_MISSED_MS. The observer itself must have been connected for a whole lease: a restart of the database frees every
 *   lock at once, and then nobody may be rescued.
 * - Dead without that evidence (a host that is gone holds its connection until TCP gives up): no heartbeat for the lease
 *   and LEASE_MARGIN_MS.
 */

/** One look at another instance, all in database time. */
export interface InstanceLook {
  atMs: number;
  isLockFree: boolean;
  heartbeatAgeMs: number;
}

export const LEASE_MS = 8_000;
export const LOOKS_APART_MS = 500;
export const BEAT_MISSED_MS = 1_500;
export const LEASE_MARGIN_MS = 2_000;

export type InstanceVerdict = "alive" | "suspect" | "dead";

/** @param connectedForMs how long the observer's own connection has been there without a break. */
export function judgeInstance(
  first: InstanceLook | null,
  second: InstanceLook,
  connectedForMs: number,
): InstanceVerdict {
  if (connectedForMs < LEASE_MS) return second.isLockFree || second.heartbeatAgeMs > LEASE_MS ? "suspect" : "alive";
  if (second.heartbeatAgeMs > LEASE_MS + LEASE_MARGIN_MS) return "dead";
  if (!second.isLockFree) return second.heartbeatAgeMs > LEASE_MS ? "suspect" : "alive";
  const isConfirmed = first !== null && first.isLockFree && second.atMs - first.atMs >= LOOKS_APART_MS;
  return isConfirmed && second.heartbeatAgeMs > BEAT_MISSED_MS ? "dead" : "suspect";
}
