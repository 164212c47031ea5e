/** What to do about the memory of an agent's process. Pure; taken with each sample. */

export type MemoryVerdict =
  | "fine"
  /** Above HIGH_RATIO of its limit: noted, and its garbage collected. */
  | "high"
  /** Above its limit for the first time: its garbage is collected, and it is looked at once more. */
  | "last_chance"
  /** To be killed. */
  | "over";

export const HIGH_RATIO = 0.8;
/** So far above its limit nobody waits for a collection. */
const HOPELESS_RATIO = 1.25;

/** What a process holds beside V8's heap once its agent is loaded: at most so much is taken off. */
const MAX_IDLE_BYTES = 100_663_296;

/**
 * Whether a process that burns CPU and answers no more does so for want of memory: near its heap's limit V8 collects
 * garbage again and again before it gives up, and looks like a loop.
 * @param idleBytes its memory when it was warm; null: not known.
 * @param limitBytes of its memory. @param heapLimitBytes of V8. null: no limit.
 */
export function isStarvedOfMemory(
  { rssBytes, idleBytes, limitBytes, heapLimitBytes }: {
    rssBytes: number;
    idleBytes: number | null;
    limitBytes: number | null;
    heapLimitBytes: number | null;
  },
): boolean {
  if (limitBytes !== null && rssBytes >= HIGH_RATIO * limitBytes) return true;
  const heapBytes = rssBytes - Math.min(idleBytes ?? MAX_IDLE_BYTES, MAX_IDLE_BYTES);
  return heapLimitBytes !== null && heapBytes >= HIGH_RATIO * heapLimitBytes;
}

/** @param last the verdict of the sample before. @param limitBytes null: no limit. */
export function judgeMemory(last: MemoryVerdict, rssBytes: number, limitBytes: number | null): MemoryVerdict {
  if (limitBytes === null || rssBytes < HIGH_RATIO * limitBytes) return "fine";
  if (rssBytes < limitBytes) return "high";
  return rssBytes >= HOPELESS_RATIO * limitBytes || last === "last_chance" ? "over" : "last_chance";
}
