/** Whether a room has already what a rule asks for. Pure. */
import type { PresentAgent } from "../../../db/rules.ts";

/**
 * place: nobody is there. there: this dispatch is what the rule asks for. ask: it is of the name's earlier life, or its
 * agent came back by itself after a restart of LiveKit: the room knows.
 */
export type PresenceVerdict =
  | { kind: "place" }
  | { kind: "there"; dispatchId: string }
  | { kind: "ask"; dispatchId: string; identity: string };

/** The clocks of LiveKit and of instances may differ by so much. */
const CLOCK_MARGIN_MS = 5_000;

/** @param present live dispatches of the rule's agent in the room's name */
export function decidePresence(present: readonly PresentAgent[], roomOpenedAt: Date): PresenceVerdict {
  const bornMs = roomOpenedAt.getTime() - CLOCK_MARGIN_MS;
  const there = present.find(({ connectedAtMs }) => connectedAtMs === null || connectedAtMs >= bornMs);
  if (there) return { kind: "there", dispatchId: there.dispatchId };
  const earlier = present.find(({ identity }) => identity !== null);
  return earlier?.identity
    ? { kind: "ask", dispatchId: earlier.dispatchId, identity: earlier.identity }
    : { kind: "place" };
}
