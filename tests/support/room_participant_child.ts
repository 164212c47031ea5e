/**
 * A plain participant of a room, in a process of its own because rtc-node crashes a test's isolate. Commands come as
 * JSON lines on stdin, answers and events go as JSON lines to stdout, each beginning with LINE_START.
 */
import { createInterface } from "node:readline";
import process from "node:process";
import type { RemoteParticipant } from "@livekit/rtc-node";
import { quietRtc, setRtcEnvironment } from "../../core/runtime/child/quiet_rtc.ts";
import { LINE_START, type ParticipantCommand, type ParticipantEvent } from "./room_participant_protocol.ts";
import { ToneEar } from "./tone_ear.ts";

setRtcEnvironment();
quietRtc();
const { AudioFrame, AudioSource, AudioStream, DisconnectReason, LocalAudioTrack, RemoteAudioTrack, Room } =
  await import("@livekit/rtc-node");
const { TrackPublishOptions, TrackSource } = await import("@livekit/rtc-node");

const SAMPLE_RATE = 48_000;
const FRAME_SAMPLES = SAMPLE_RATE / 50;
const LOUDNESS = 8_000;

const room = new Room();
const ear = new ToneEar(SAMPLE_RATE, (heard) => emit({ event: "tone", ...heard }));
let toneHz = 0;
/** Null until there is something to play. */
let microphone: InstanceType<typeof AudioSource> | null = null;

room.on("participantConnected", meet);
room.on("participantDisconnected", ({ identity }) => emit({ event: "gone", identity, at: Date.now() }));
room.on("participantAttributesChanged", (_changed, { identity, attributes }) => {
  emit({ event: "attributes", identity, attributes, at: Date.now() });
});
room.on("dataReceived", (payload, participant, _kind, topic) => {
  emit({
    event: "data",
    topic: topic ?? "",
    text: new TextDecoder().decode(payload),
    from: participant?.identity ?? "",
    at: Date.now(),
  });
});
room.on("trackSubscribed", (track, _publication, { identity }) => {
  emit({ event: "track", identity, at: Date.now() });
  if (track instanceof RemoteAudioTrack) listenTo(new AudioStream(track, SAMPLE_RATE, 1), identity).catch(fail);
});
room.on("reconnecting", () => emit({ event: "reconnecting", at: Date.now() }));
room.on("reconnected", () => emit({ event: "reconnected", at: Date.now() }));
room.on("disconnected", (reason) => {
  emit({ event: "disconnected", reason: DisconnectReason[reason] ?? String(reason), at: Date.now() });
});

for await (const line of createInterface({ input: process.stdin })) {
  const command: ParticipantCommand = JSON.parse(line);
  execute(command).then(
    (result) => emit({ event: "answer", id: command.id, result }),
    (error) => emit({ event: "answer", id: command.id, error: String(error) }),
  );
}
// The test is gone, or has closed our input.
await leave();

async function execute(command: ParticipantCommand): Promise<unknown> {
  switch (command.do) {
    case "join":
      await room.connect(command.url, command.token, { autoSubscribe: true, dynacast: false });
      for (const participant of room.remoteParticipants.values()) meet(participant);
      return null;
    case "play":
      toneHz = command.hz;
      if (microphone === null) await startPlaying();
      return null;
    case "publish":
      if (microphone !== null) await publish(microphone);
      return null;
    case "listen":
      ear.listenFor(command.hz);
      return null;
    case "tone":
      return ear.report();
    case "data":
      await room.localParticipant?.publishData(new TextEncoder().encode(command.text), {
        reliable: true,
        topic: command.topic,
      });
      return null;
    case "leave":
      setTimeout(() => void leave(), 0);
      return null;
  }
}

/** Attributes that somebody brings along come with him, not as a change. */
function meet({ identity, kind, attributes }: RemoteParticipant): void {
  emit({ event: "participant", identity, kind, at: Date.now() });
  if (Object.keys(attributes).length > 0) emit({ event: "attributes", identity, attributes, at: Date.now() });
}

async function publish(source: InstanceType<typeof AudioSource>): Promise<void> {
  const track = LocalAudioTrack.createAudioTrack("tone", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  await room.localParticipant?.publishTrack(track, options);
}

async function startPlaying(): Promise<void> {
  const source = microphone = new AudioSource(SAMPLE_RATE, 1, 200);
  await publish(source);
  const playing = (async () => {
    for (let phase = 0;;) {
      const frame = AudioFrame.create(SAMPLE_RATE, 1, FRAME_SAMPLES);
      for (let i = 0; i < FRAME_SAMPLES; i++) {
        frame.data[i] = toneHz === 0 ? 0 : Math.round(Math.sin(phase) * LOUDNESS);
        phase += 2 * Math.PI * toneHz / SAMPLE_RATE;
      }
      await source.captureFrame(frame);
    }
  })();
  playing.catch(fail);
}

async function listenTo(stream: AsyncIterable<{ data: Int16Array }>, identity: string): Promise<void> {
  for await (const frame of stream) ear.hear(frame.data, identity, Date.now());
}

async function leave(): Promise<void> {
  await room.disconnect().catch(fail);
  Deno.exit(0);
}

function fail(error: unknown): void {
  emit({ event: "failure", message: String(error), at: Date.now() });
}

function emit(event: ParticipantEvent): void {
  Deno.stdout.writeSync(new TextEncoder().encode(LINE_START + JSON.stringify(event) + "\n"));
}
