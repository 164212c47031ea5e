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

/** @param last the verdict of the sample before. @param limitBytes null: no limit. */
export function judgeMemory(last: MemoryVerdict, rssBytes: number, limitBytes: number | null): MemoryVerdict {
  if (limitBytes === null || rssBytes < HIGH_RATIO * limitBytes) return "fine";
  if (rssBytes < limitBytes) return "high";
  return rssBytes >= HOPELESS_RATIO * limitBytes || last === "last_chance" ? "over" : "last_chance";
}
