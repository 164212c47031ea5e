/** What RoomParticipant and its child say to each other. Times are milliseconds since the epoch. */

/** Tells our lines from what native code prints on the same stdout. */
export const LINE_START = "\u0002";

export type ParticipantCommand =
  & { id: number }
  & (
    | { do: "join"; url: string; token: string }
    | { do: "play"; hz: number }
    | { do: "publish" }
    | { do: "listen"; hz: number }
    | { do: "tone" }
    | { do: "data"; topic: string; text: string }
    | { do: "leave" }
  );

export type ParticipantEvent =
  | { event: "answer"; id: number; result?: unknown; error?: string }
  | { event: "participant"; identity: string; kind: number; at: number }
  | { event: "gone"; identity: string; at: number }
  | { event: "attributes"; identity: string; attributes: Record<string, string>; at: number }
  | { event: "data"; topic: string; text: string; from: string; at: number }
  | { event: "track"; identity: string; at: number }
  | { event: "tone"; hz: number; from: string; at: number }
  | { event: "reconnecting" | "reconnected"; at: number }
  | { event: "disconnected"; reason: string; at: number }
  | { event: "failure"; message: string; at: number };

export interface ToneReport {
  hz: number;
  /** Milliseconds of the tone heard so far. */
  heardMs: number;
  /** Longest silence between two stretches of the tone, by the clock; 0 before a second stretch. */
  largestGapMs: number;
}
