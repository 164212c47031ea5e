/** LiveKit's server API for the job's own room. Each call rejects with ControlPlaneError when it can't be done. */

export interface TrackState {
  readonly sid: string;
  readonly name: string;
  readonly kind: "audio" | "video" | "data";
  /** "camera", "microphone", "screen_share", "screen_share_audio" or "unknown". */
  readonly source: string;
  readonly isMuted: boolean;
}

export interface ParticipantState {
  readonly sid: string;
  readonly identity: string;
  readonly name: string;
  /** "standard", "agent", "sip", "ingress", "egress", … */
  readonly kind: string;
  readonly metadata: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly joinedAt: string;
  readonly tracks: readonly TrackState[];
}

export interface ParticipantChanges {
  name?: string;
  metadata?: string;
  /** Only those named are changed; an empty text removes one. */
  attributes?: Record<string, string>;
}

export interface SendDataOptions {
  topic?: string;
  /** Everyone in the room unless given. */
  to?: readonly string[];
}

export interface RoomApi {
  /** Also the hidden ones. */
  listParticipants(): Promise<ParticipantState[]>;
  /** null when it is not in the room. */
  getParticipant(identity: string): Promise<ParticipantState | null>;
  /** False when it was not there. Its token stays valid: it can come back until that ends. */
  removeParticipant(identity: string): Promise<boolean>;
  updateParticipant(identity: string, changes: ParticipantChanges): Promise<ParticipantState>;
  /** Unmuting is refused unless LiveKit's configuration allows it. */
  muteTrack(identity: string, trackSid: string, isMuted: boolean): Promise<void>;
  updateRoomMetadata(metadata: string): Promise<void>;
  /** A reliable data packet from the server; text is sent as UTF-8. At most 15,000 bytes. */
  sendData(data: Uint8Array | string, options?: SendDataOptions): Promise<void>;
}
