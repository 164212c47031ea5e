/**
 * One person's stay in a room, by livekit-client. Loaded only when somebody joins: nothing else may import it statically.
 *
 *   joining → in the room ⇄ reconnecting → left (told once, whatever ended it)
 *
 * Joining without a microphone is joining: its problem is part of the view, and unmuting tries again. LiveKit's client bounds
 * each step itself (15 s for the socket, 15 s for the media path).
 */
import {
  ConnectionError,
  ConnectionErrorReason,
  DisconnectReason,
  type LocalTrackPublication,
  type Participant,
  type RemoteParticipant,
  Room,
  RoomEvent,
  setLogLevel,
  type TextStreamReader,
  Track,
} from "livekit-client";
import { type JoinFailure, leftWords, microphoneProblem } from "./call_problem.ts";
import { play, RoomAudio, stopPlaying } from "./room_audio.ts";
import type { AgentPresence, CallView, RoomLine, TalkTarget } from "./types.ts";

// Its talk of each step would fill the console, with tokens' contents among it.
setLogLevel("warn");

const READY_TOPIC = "greenroom.ready";
/** By these agents of LiveKit's own frameworks say what was spoken and written. */
const TRANSCRIPTION_TOPIC = "lk.transcription";
const CHAT_TOPIC = "lk.chat";
/** LiveKit's limit of one reliable data packet is about 16 kB. */
const MAX_SENT_BYTES = 15_000;
const MAX_SHOWN_CHARS = 2_000;

export interface RoomCallOptions {
  url: string;
  token: string;
  target: TalkTarget;
  /** Gives up joining. */
  signal: AbortSignal;
  onView: (view: CallView) => void;
  /** A line with a known key replaces the one that is there. */
  onLine: (line: RoomLine) => void;
  onLeft: (words: string) => void;
}

export type JoinResult = { ok: true; call: RoomCall } | { ok: false; failure: JoinFailure };

export class RoomCall {
  readonly #room = new Room();
  readonly #audio = new RoomAudio();
  readonly #options: RoomCallOptions;
  #joinedAtMs = Date.now();
  #agent: AgentPresence | null = null;
  #hasAgentLeft = false;
  #microphone: CallView["microphone"] = { state: "off", label: null, problem: null };
  #roundTripMs: number | null = null;
  #isReconnecting = false;
  #lastSent: { topic: string; atMs: number } | null = null;
  #lineCount = 0;

  private constructor(options: RoomCallOptions) {
    this.#options = options;
    this.#listen();
  }

  /** Resolves when the person is in the room; the microphone comes after it. */
  static async join(options: RoomCallOptions): Promise<JoinResult> {
    const call = new RoomCall(options);
    const giveUp = () => void call.leave().catch(() => {/* the join fails, and tells why */});
    options.signal.addEventListener("abort", giveUp);
    try {
      await call.#room.connect(options.url, options.token);
    } catch (error) {
      call.#audio.close();
      return { ok: false, failure: failureOf(error) };
    } finally {
      options.signal.removeEventListener("abort", giveUp);
    }
    call.#joinedAtMs = Date.now();
    call.#lookForAgent();
    return { ok: true, call };
  }

  /** Decibels relative to full scale, now. */
  levels(): { ownDb: number; agentDb: number } {
    const { identity } = this.#room.localParticipant;
    return { ownDb: this.#audio.levelDb(identity), agentDb: this.#audio.levelDb(this.#agent?.identity) };
  }

  /** Never rejects: what goes wrong is shown with the microphone. */
  async setMicrophone(isOn: boolean): Promise<void> {
    if (isOn && !navigator.mediaDevices) {
      return this.#setMicrophone({ state: "off", label: null, problem: microphoneProblem("insecure", "") });
    }
    if (isOn) this.#setMicrophone({ ...this.#microphone, state: "asking", problem: null });
    try {
      await this.#room.localParticipant.setMicrophoneEnabled(isOn);
      this.#setMicrophone({ state: isOn ? "on" : "off", label: this.#microphoneLabel(), problem: null });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
      this.#setMicrophone({ state: "off", label: null, problem: microphoneProblem(name, message) });
    }
  }

  /** After a click: the browser lets the page play sound. */
  async startSound(): Promise<void> {
    await Promise.all([this.#room.startAudio(), this.#audio.resume()]);
    this.#changed();
  }

  /** Sends a data message to everybody; null, or why it could not be sent. */
  async send(topic: string, text: string): Promise<string | null> {
    const payload = new TextEncoder().encode(text);
    if (payload.length > MAX_SENT_BYTES) return `It has ${payload.length} bytes; ${MAX_SENT_BYTES} fit into a message.`;
    try {
      await this.#room.localParticipant.publishData(payload, { reliable: true, topic });
    } catch (error) {
      return `It was not sent: ${error instanceof Error ? error.message : error}.`;
    }
    this.#lastSent = { topic, atMs: performance.now() };
    this.#addLine({ kind: "data", from: "you", isOwn: true, topic, text, afterMs: null });
    return null;
  }

  /** Asks WebRTC how long the way to the server and back is. */
  async measureRoundTrip(): Promise<void> {
    const own = this.#room.localParticipant.getTrackPublication(Track.Source.Microphone)?.audioTrack;
    const others = [...this.#room.remoteParticipants.values()].flatMap((
      each,
    ) => [...each.audioTrackPublications.values()]);
    const track = own ?? others.find(({ audioTrack }) => audioTrack !== undefined)?.audioTrack;
    const report = await track?.getRTCStatsReport();
    for (const stats of report?.values() ?? []) {
      if (stats.type !== "candidate-pair" || typeof stats.currentRoundTripTime !== "number") continue;
      this.#roundTripMs = stats.currentRoundTripTime * 1_000;
      return this.#changed();
    }
  }

  async leave(): Promise<void> {
    this.#audio.close();
    await this.#room.disconnect();
  }

  #listen(): void {
    const look = () => this.#lookForAgent();
    this.#room
      .on(RoomEvent.ParticipantConnected, look)
      .on(RoomEvent.ParticipantAttributesChanged, look)
      .on(RoomEvent.ParticipantDisconnected, ({ identity }) => {
        this.#audio.forgetParticipant(identity);
        look();
      })
      .on(RoomEvent.TrackSubscribed, (track, publication, { identity }) => {
        if (track.kind !== Track.Kind.Audio) return;
        play(track);
        this.#audio.measure(identity, publication.trackSid, track.mediaStreamTrack);
      })
      .on(RoomEvent.TrackUnsubscribed, (track, publication) => {
        stopPlaying(track);
        this.#audio.forget(publication.trackSid);
      })
      .on(RoomEvent.LocalTrackPublished, (publication) => this.#measureOwn(publication))
      .on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => this.#received(payload, participant, topic))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => this.#changed())
      .on(RoomEvent.Reconnecting, () => this.#reconnecting(true))
      .on(RoomEvent.Reconnected, () => {
        this.#reconnecting(false);
        look();
      })
      .on(RoomEvent.Disconnected, (reason) => {
        this.#audio.close();
        this.#options.onLeft(leftWords(reason === undefined ? null : DisconnectReason[reason] ?? null));
      });
    this.#audio.onChange = () => this.#changed();
    for (const topic of [TRANSCRIPTION_TOPIC, CHAT_TOPIC]) {
      this.#room.registerTextStreamHandler(topic, (reader, { identity }) => {
        // A stream that breaks off has shown what came of it.
        void this.#readStream(reader, identity).catch(() => {});
      });
    }
  }

  /** The latest attempt of our dispatch; an agent of its name when none says which dispatch it is of. */
  #lookForAgent(): void {
    const { dispatchId, agent } = this.#options.target;
    const others = [...this.#room.remoteParticipants.values()];
    const ours = others.filter(({ attributes }) => attributes["greenroom.dispatch"] === dispatchId);
    const found = ours.toSorted((a, b) => attemptOf(b) - attemptOf(a))[0] ??
      others.find(({ attributes, isAgent }) => isAgent && attributes["lk.agent_name"] === agent);
    const wasReady = this.#agent?.isReady === true && this.#agent.identity === found?.identity;
    if (found === undefined) {
      this.#hasAgentLeft ||= this.#agent !== null;
      this.#agent = null;
      return this.#changed();
    }
    const attempt = attemptOf(found);
    const isReady = "greenroom.ready" in found.attributes;
    this.#agent = { identity: found.identity, attempt: attempt === 0 ? null : attempt, isReady };
    if (isReady && !wasReady) this.#addReadyLine(attempt);
    this.#changed();
  }

  #addReadyLine(attempt: number): void {
    const { dispatchId } = this.#options.target;
    const text = `attempt ${attempt}, dispatch ${dispatchId.slice(-8)}`;
    this.#addLine({ kind: "greenroom", from: "greenroom", isOwn: false, topic: READY_TOPIC, text, afterMs: null });
  }

  #measureOwn({ audioTrack, trackSid }: LocalTrackPublication): void {
    if (audioTrack === undefined) return;
    this.#audio.measure(this.#room.localParticipant.identity, trackSid, audioTrack.mediaStreamTrack);
  }

  #microphoneLabel(): string | null {
    const publication = this.#room.localParticipant.getTrackPublication(Track.Source.Microphone);
    return publication?.audioTrack?.mediaStreamTrack.label ?? null;
  }

  #setMicrophone(microphone: CallView["microphone"]): void {
    this.#microphone = microphone;
    this.#changed();
  }

  #reconnecting(isReconnecting: boolean): void {
    this.#isReconnecting = isReconnecting;
    this.#changed();
  }

  #received(payload: Uint8Array, participant: RemoteParticipant | undefined, topic: string | undefined): void {
    if (topic === READY_TOPIC) return; // shown from the agent's attributes, which come for sure
    const sent = this.#lastSent?.topic === topic ? this.#lastSent : null;
    if (sent !== null) this.#lastSent = null;
    this.#addLine({
      kind: "data",
      from: this.#nameOf(participant),
      isOwn: false,
      topic: topic ?? null,
      text: textOf(payload),
      afterMs: sent === null ? null : performance.now() - sent.atMs,
    });
  }

  /** Grows line by line as it comes; streams of one segment replace each other. */
  async #readStream(reader: TextStreamReader, identity: string): Promise<void> {
    const { id, topic, attributes } = reader.info;
    const isOwn = identity === this.#room.localParticipant.identity;
    const line = {
      key: attributes?.["lk.segment_id"] ?? id,
      atMs: Date.now() - this.#joinedAtMs,
      kind: "speech" as const,
      from: isOwn ? "you" : this.#nameOf(this.#room.remoteParticipants.get(identity)),
      isOwn,
      topic: topic === TRANSCRIPTION_TOPIC ? null : topic,
      afterMs: null,
    };
    let text = "";
    for await (const part of reader) {
      text = (text + part).slice(0, MAX_SHOWN_CHARS);
      this.#options.onLine({ ...line, text });
    }
  }

  #nameOf(participant: Participant | undefined): string {
    if (participant === undefined) return "server";
    if (participant.identity === this.#agent?.identity) return this.#options.target.agent;
    return participant.name || participant.identity;
  }

  #addLine(line: Omit<RoomLine, "key" | "atMs">): void {
    this.#options.onLine({ ...line, key: `line-${++this.#lineCount}`, atMs: Date.now() - this.#joinedAtMs });
  }

  #changed(): void {
    if (this.#room.state === "disconnected" || this.#room.state === "connecting") return;
    this.#options.onView({
      identity: this.#room.localParticipant.identity,
      joinedAtMs: this.#joinedAtMs,
      isReconnecting: this.#isReconnecting,
      agent: this.#agent,
      hasAgentLeft: this.#hasAgentLeft,
      microphone: this.#microphone,
      isSoundBlocked: !this.#room.canPlaybackAudio || this.#audio.isBlocked,
      roundTripMs: this.#roundTripMs,
    });
  }
}

function attemptOf({ attributes }: Participant): number {
  const attempt = Number(attributes["greenroom.attempt"] ?? 0);
  return Number.isSafeInteger(attempt) ? attempt : 0;
}

function textOf(payload: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(payload).slice(0, MAX_SHOWN_CHARS);
  } catch {
    return `${payload.length} bytes that are no text`;
  }
}

function failureOf(error: unknown): JoinFailure {
  const message = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  if (!(error instanceof ConnectionError)) return { kind: "other", status: null, message };
  const status = typeof error.status === "number" ? error.status : null;
  return { kind: kindOf(error.reason, message), status, message };
}

function kindOf(reason: ConnectionErrorReason, message: string): JoinFailure["kind"] {
  if (/pc connection|peer ?connection/i.test(message)) return "no_media_path";
  switch (reason) {
    case ConnectionErrorReason.NotAllowed:
      return "not_allowed";
    case ConnectionErrorReason.Timeout:
      return "timeout";
    case ConnectionErrorReason.ServerUnreachable:
    case ConnectionErrorReason.WebSocket:
    case ConnectionErrorReason.InternalError:
      return "unreachable";
    default:
      return "other";
  }
}
