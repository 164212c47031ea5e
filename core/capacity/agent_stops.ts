/**
 * Agents that take no new jobs on this instance because one of them asked for it: `recovery.decide` answered TERMINATE, for
 * a fault of the machine rather than of the call. What runs goes on. Lifted by uncordoning the instance, or by its restart.
 */
export interface AgentStop {
  agent: string;
  reason: string;
  at: Date;
}

export class AgentStops {
  readonly #stops = new Map<string, AgentStop>();
  readonly #listeners = new Set<() => void>();

  /** The first reason stays. */
  stop(agent: string, reason: string, at: Date): void {
    if (this.#stops.has(agent)) return;
    this.#stops.set(agent, { agent, reason, at });
    this.#changed();
  }

  /** Lets all of them take jobs again; returns which were stopped. */
  lift(): string[] {
    const lifted = [...this.#stops.keys()];
    this.#stops.clear();
    if (lifted.length > 0) this.#changed();
    return lifted;
  }

  find(agent: string): AgentStop | null {
    return this.#stops.get(agent) ?? null;
  }

  list(): AgentStop[] {
    return [...this.#stops.values()];
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
