/** What a call looks like to the parts that show it: plain data, nothing of livekit-client. */
import type { AlertText } from "../Alert.tsx";

export interface TalkTarget {
  dispatchId: string;
  agent: string;
  room: string;
}

export interface AgentPresence {
  identity: string;
  /** From 1; null: it does not say. */
  attempt: number | null;
  isReady: boolean;
}

export interface CallView {
  identity: string;
  joinedAtMs: number;
  isReconnecting: boolean;
  /** The agent of the dispatch; null: not in the room. */
  agent: AgentPresence | null;
  /** It was in the room before. */
  hasAgentLeft: boolean;
  /** "asking": the browser asks the person whether this page may. `label`: the device's; null: not known. */
  microphone: { state: "on" | "off" | "asking"; label: string | null; problem: AlertText | null };
  /** The browser plays no sound before a click. */
  isSoundBlocked: boolean;
  /** To the LiveKit server and back; null: not measured yet. */
  roundTripMs: number | null;
}

export interface RoomLine {
  key: string;
  atMs: number;
  kind: "greenroom" | "speech" | "data";
  /** Who; "you" for what was said or sent from here. */
  from: string;
  isOwn: boolean;
  topic: string | null;
  text: string;
  /** Since we last sent something on this topic. */
  afterMs: number | null;
}

export type CallPhase =
  | { phase: "idle" }
  | { phase: "joining" }
  | { phase: "in_room"; view: CallView }
  | { phase: "left"; words: string }
  | { phase: "failed"; problem: AlertText };
