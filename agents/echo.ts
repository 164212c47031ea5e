/** Echo: repeats what it hears. Every participant's audio is published back, and every data message is answered. */
import {
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  ParticipantKind,
  RemoteAudioTrack,
  type RemoteParticipant,
  type RemoteTrack,
  type Room,
  TrackPublishOptions,
  TrackSource,
} from "@livekit/rtc-node";
import { defineAgent } from "greenroom";

const SAMPLE_RATE = 48_000;
const CHANNELS = 1;
/** No more than this waits to be played: after a stall the echo drops audio instead of staying late. */
const MAX_DELAY_MS = 200;

export default defineAgent({
  name: "echo",
  entry: async (ctx) => {
    // Listeners first: who is in the room already is reported while we connect.
    ctx.room.on("trackSubscribed", (track: RemoteTrack, _publication, participant) => {
      // After a server restart tracks are new and arrive here again; the old streams have ended.
      if (!(track instanceof RemoteAudioTrack) || !isAnswered(participant)) return;
      repeatAudio(ctx.room, track).catch((error) => ctx.log.info("The echo of a track was cut off", { error }));
    });
    ctx.room.on("dataReceived", (payload, participant, _kind, topic) => {
      if (topic?.startsWith("greenroom.") || !isAnswered(participant)) return;
      ctx.room.localParticipant?.publishData(payload, { reliable: true, ...answerTo(participant, topic) })
        .catch((error) => ctx.log.warn("The echo of a message failed", { error }));
    });
    await ctx.connect();
    await ctx.ended;
  },
});

/** Agents are not answered: two that repeat each other would never end. */
function isAnswered(participant: RemoteParticipant | undefined): boolean {
  return participant?.kind !== ParticipantKind.AGENT;
}

/** To the sender on its topic; to everybody when the sender has only just come and is not known here yet. */
function answerTo(participant: RemoteParticipant | undefined, topic: string | undefined) {
  return {
    ...(participant === undefined ? {} : { destination_identities: [participant.identity] }),
    ...(topic === undefined ? {} : { topic }),
  };
}

/** Publishes a track of its own that plays what `track` brings, for as long as that lasts. */
async function repeatAudio(room: Room, track: RemoteAudioTrack): Promise<void> {
  const stream = new AudioStream(track, SAMPLE_RATE, CHANNELS);
  const source = new AudioSource(SAMPLE_RATE, CHANNELS, MAX_DELAY_MS * 2);
  const echo = LocalAudioTrack.createAudioTrack("echo", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  const publication = await room.localParticipant?.publishTrack(echo, options);
  try {
    for await (const frame of stream) {
      if (source.queuedDuration < MAX_DELAY_MS) await source.captureFrame(frame);
    }
  } finally {
    if (publication?.sid !== undefined && room.isConnected) {
      await room.localParticipant?.unpublishTrack(publication.sid);
    }
    await echo.close();
  }
}
