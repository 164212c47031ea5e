/** The identity of an agent's participant in its room. Pure. */

export interface IdentityFacts {
  jobId: string;
  agent: string;
  room: string;
  /** Identity of the participant that triggered the job; null for room jobs. */
  participant: string | null;
  /** From 1. */
  attempt: number;
}

/** LiveKit's own limit. */
const MAX_CHARS = 256;
const DEFAULT_TEMPLATE = "agent-{jobId}";

/**
 * Fills the agent's template. Each attempt has an identity of its own, because a second participant of the same identity
 * throws the first one out: one that does not carry the job's id gets "-<attempt>" from the second attempt on.
 */
export function participantIdentityOf(template: string | null, facts: IdentityFacts): string {
  const used = template ?? DEFAULT_TEMPLATE;
  const filled = used.replace(/\{(jobId|agent|room|participant)\}/g, (_, name: string) => {
    const value = facts[name as "jobId" | "agent" | "room" | "participant"];
    return value ?? "";
  });
  const suffix = facts.attempt > 1 && !used.includes("{jobId}") ? `-${facts.attempt}` : "";
  return filled.slice(0, MAX_CHARS - suffix.length) + suffix;
}
