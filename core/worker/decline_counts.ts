/** Why offers were declined lately, counted per reason in parts of a minute. Bounded; time comes in as an argument. */

const PART_MS = 60_000;
const PARTS = 10;
/** Reasons kept apart in one part: more are counted as OTHER. */
const MAX_REASONS = 20;
const OTHER = "other";

export interface DeclineCount {
  reason: string;
  count: number;
}

/** How far back `recent` counts. */
export const DECLINES_KEPT_MS = PARTS * PART_MS;

export class DeclineCounts {
  /** Newest last. */
  #parts: { part: number; counts: Map<string, number> }[] = [];

  note(reason: string, nowMs: number): void {
    const part = Math.floor(nowMs / PART_MS);
    let newest = this.#parts.at(-1);
    if (newest?.part !== part) {
      newest = { part, counts: new Map() };
      this.#parts = [...this.#parts, newest].slice(-PARTS);
    }
    const { counts } = newest;
    const key = counts.has(reason) || counts.size < MAX_REASONS ? reason : OTHER;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  /** The last minutes' reasons, the most frequent first. */
  recent(nowMs: number): DeclineCount[] {
    const since = Math.floor(nowMs / PART_MS) - PARTS;
    const sums = new Map<string, number>();
    for (const { part, counts } of this.#parts) {
      if (part <= since) continue;
      for (const [reason, count] of counts) sums.set(reason, (sums.get(reason) ?? 0) + count);
    }
    return [...sums].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
  }
}
