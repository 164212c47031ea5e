/** The allow-list of LiveKit's server API that a job may use: these methods, on its own room, and nothing else. */
import { type ParticipantInfo, ParticipantInfo_Kind, TrackSource, TrackType } from "@livekit/protocol";
import { z } from "zod";
import type { ParticipantState } from "../agent/room_api.ts";
import { LivekitApiError } from "../livekit/api_error.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import { method, type RequestMethod, RequestRefusal } from "./job_requests.ts";

export type RoomCalls = Pick<
  ServerApi,
  | "listParticipants"
  | "findParticipant"
  | "removeParticipant"
  | "updateParticipant"
  | "muteTrack"
  | "updateRoomMetadata"
  | "deleteRoom"
  | "sendData"
>;

/** LiveKit's own limits (limit.max_participant_identity_length, max_metadata_size, max_attributes_size). */
const MAX_IDENTITY_CHARS = 256;
const MAX_METADATA_CHARS = 64_000;
const MAX_ATTRIBUTES = 100;
/** A reliable packet holds 15 KB; base64 takes 4 characters for 3 bytes. */
const MAX_DATA_BYTES = 15_000;
const MAX_DATA_CHARS = Math.ceil(MAX_DATA_BYTES / 3) * 4;
const MAX_DESTINATIONS = 100;

const identity = z.string().min(1).max(MAX_IDENTITY_CHARS);
const metadata = z.string().max(MAX_METADATA_CHARS);
const nothing = z.object({});

export function roomRequests(api: RoomCalls): Record<string, RequestMethod> {
  return {
    "room.listParticipants": method(
      nothing,
      ({ room }) => told(async () => (await api.listParticipants(room)).map(stateOf)),
    ),
    "room.getParticipant": method(z.object({ identity }), ({ room }, params) =>
      told(async () => {
        const found = await api.findParticipant(room, params.identity);
        return found === null ? null : stateOf(found);
      })),
    "room.removeParticipant": method(
      z.object({ identity }),
      ({ room }, params) => told(() => api.removeParticipant(room, params.identity)),
    ),
    "room.updateParticipant": method(
      z.object({
        identity,
        name: z.string().max(MAX_IDENTITY_CHARS).optional(),
        metadata: metadata.optional(),
        attributes: z.record(z.string().max(256), z.string().max(MAX_METADATA_CHARS))
          .refine((all) => Object.keys(all).length <= MAX_ATTRIBUTES, `at most ${MAX_ATTRIBUTES} attributes`)
          .optional(),
      }),
      ({ room }, { identity, name, metadata, attributes }) =>
        told(async () =>
          stateOf(
            await api.updateParticipant({
              ...{ room, identity },
              ...(name === undefined ? {} : { name }),
              ...(metadata === undefined ? {} : { metadata }),
              ...(attributes === undefined ? {} : { attributes }),
            }),
          )
        ),
    ),
    "room.muteTrack": method(
      z.object({ identity, trackSid: z.string().min(1).max(64), isMuted: z.boolean() }),
      ({ room }, params) =>
        told(async () => {
          if (await api.muteTrack({ room, ...params })) return;
          throw new RequestRefusal("not_found", `Participant ${params.identity} has no track ${params.trackSid}`);
        }),
    ),
    "room.updateMetadata": method(
      z.object({ metadata }),
      ({ room }, params) => told(() => api.updateRoomMetadata(room, params.metadata)),
    ),
    "room.sendData": method(
      z.object({
        base64: z.base64().max(MAX_DATA_CHARS),
        topic: z.string().max(256),
        to: z.array(identity).max(MAX_DESTINATIONS),
      }),
      ({ room }, { base64, topic, to }) =>
        told(() => api.sendData({ room, topic, data: Uint8Array.fromBase64(base64), destinationIdentities: to })),
    ),
    "room.delete": method(nothing, ({ room }) => told(() => api.deleteRoom(room))),
  };
}

/** What LiveKit refuses is the job's to know; anything else is ours. */
async function told<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof LivekitApiError)) throw error;
    const code = error.kind === "not_found" ? error.kind : `livekit_${error.kind}`;
    throw new RequestRefusal(code, `${error.message} (${error.remedy})`);
  }
}

function stateOf(participant: ParticipantInfo): ParticipantState {
  const { sid, identity, name, kind, metadata, attributes, joinedAt, joinedAtMs, tracks } = participant;
  const joinedMs = joinedAtMs > 0n ? Number(joinedAtMs) : Number(joinedAt) * 1_000;
  return {
    ...{ sid, identity, name, metadata, attributes },
    kind: (ParticipantInfo_Kind[kind] ?? "unknown").toLowerCase(),
    joinedAt: new Date(joinedMs).toISOString(),
    tracks: tracks.map((track) => ({
      sid: track.sid,
      name: track.name,
      kind: (TrackType[track.type] ?? "data").toLowerCase() as "audio" | "video" | "data",
      source: (TrackSource[track.source] ?? "unknown").toLowerCase(),
      isMuted: track.muted,
    })),
  };
}
