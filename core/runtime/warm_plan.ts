/** How many warm slots each agent should have. Pure. */

export interface WarmDemand {
  agent: string;
  /** How many it asks for. */
  warmSlots: number;
  /** When it was last used, by performance.now(); 0 = not yet. */
  lastUsedMs: number;
}

/** Agents used most recently get what they ask for; when `maxWarmSlots` is spent, the least recently used ones are cold. */
export function planWarmSlots(demands: readonly WarmDemand[], maxWarmSlots: number): Map<string, number> {
  const byUse = [...demands].sort((a, b) => b.lastUsedMs - a.lastUsedMs || compare(a.agent, b.agent));
  let left = maxWarmSlots;
  const plan = new Map<string, number>();
  for (const { agent, warmSlots } of byUse) {
    const granted = Math.min(warmSlots, left);
    left -= granted;
    plan.set(agent, granted);
  }
  return plan;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
