/** Which rules a room or a participant falls under. Pure. */

export const RULE_EVENTS = ["room_started", "participant_joined"] as const;
export type RuleEvent = typeof RULE_EVENTS[number];

/** Kinds of participants that a rule can name, in LiveKit's words; agents and egress never trigger one. */
export const RULE_PARTICIPANT_KINDS = ["standard", "sip", "ingress", "connector"] as const;
export type RuleParticipantKind = typeof RULE_PARTICIPANT_KINDS[number];

export interface RuleCondition {
  event: RuleEvent;
  /** Glob over the room's name: "*" any run of characters, "?" one. */
  roomPattern: string;
  /** Null: any. */
  participantKind: RuleParticipantKind | null;
  /** Attributes that the participant must have, with these values; null: any. */
  participantAttributes: Readonly<Record<string, string>> | null;
}

export type RuleSubject =
  | { event: "room_started"; room: string }
  | {
    event: "participant_joined";
    room: string;
    /** Null for kinds that never trigger a rule. */
    kind: RuleParticipantKind | null;
    attributes: Readonly<Record<string, string>>;
  };

export function matchesRule(rule: RuleCondition, subject: RuleSubject): boolean {
  if (rule.event !== subject.event || !matchesGlob(rule.roomPattern, subject.room)) return false;
  if (subject.event === "room_started") return true;
  if (subject.kind === null) return false;
  if (rule.participantKind !== null && rule.participantKind !== subject.kind) return false;
  return Object.entries(rule.participantAttributes ?? {}).every(([name, value]) => subject.attributes[name] === value);
}

/**
 * Whether the whole text fits the pattern. In time O(pattern · text) however many stars there are: a mismatch goes back to
 * the last star only.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const [wanted, given] = [[...pattern], [...text]];
  let at = 0;
  let star: { at: number; given: number } | null = null;
  for (let n = 0; n < given.length;) {
    const sign = wanted[at];
    if (sign === "*") star = { at: at++, given: n };
    else if (sign === "?" || sign === given[n]) [at, n] = [at + 1, n + 1];
    else if (star === null) return false;
    else {
      star.given += 1;
      [at, n] = [star.at + 1, star.given];
    }
  }
  while (wanted[at] === "*") at += 1;
  return at === wanted.length;
}
