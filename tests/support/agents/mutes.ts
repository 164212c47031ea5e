/**
 * Plays a tone, and believes to have published a second track that LiveKit never had, as rtc-node does that lost one over a
 * restart of the server. It finds out at its `found`th new connection (never: 0).
 */
import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  type LocalTrackPublication,
  SimulateScenarioKind,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from "@livekit/rtc-node";
import { defineAgent } from "greenroom";
import { z } from "zod";

const SAMPLE_RATE = 48_000;
const HZ = 440;
const LOST = "TR_lost";

export default defineAgent({
  name: "mutes",
  metadata: z.object({ found: z.number() }),
  entry: async (ctx) => {
    await ctx.connect();
    const { room } = ctx;
    const source = new AudioSource(SAMPLE_RATE, 1, 200);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    await room.localParticipant?.publishTrack(LocalAudioTrack.createAudioTrack("tone", source), options);
    if (ctx.job.attempt === 1) {
      const lost = { sid: LOST, kind: TrackKind.KIND_AUDIO } as LocalTrackPublication;
      room.localParticipant?.trackPublications.set(LOST, lost);
      let connections = 0;
      room.on("reconnected", () => {
        if (++connections === ctx.metadata.found) room.localParticipant?.trackPublications.delete(LOST);
      });
      await room.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT);
    }
    for (let phase = 0; !ctx.signal.aborted;) {
      const frame = AudioFrame.create(SAMPLE_RATE, 1, SAMPLE_RATE / 50);
      for (let i = 0; i < frame.data.length; i++, phase += 2 * Math.PI * HZ / SAMPLE_RATE) {
        frame.data[i] = Math.round(Math.sin(phase) * 8_000);
      }
      await source.captureFrame(frame);
    }
  },
});
