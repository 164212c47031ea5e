/** Plays what the others say, and measures how loud everyone is: LiveKit's own audio levels stay 0 on short paths. */
import type { RemoteTrack } from "livekit-client";
import { levelDbOf, SILENCE_DB } from "./level.ts";

/** 43 ms at 48 kHz: as long as the time between two looks. */
const WINDOW_SAMPLES = 2_048;

export class RoomAudio {
  readonly #context = new AudioContext();
  readonly #samples = new Float32Array(WINDOW_SAMPLES);
  readonly #analysers = new Map<string, AnalyserNode>();
  readonly #sources = new Map<string, MediaStreamAudioSourceNode>();
  #isClosed = false;

  /** The browser waits for a click before it plays. */
  get isBlocked(): boolean {
    return this.#context.state === "suspended";
  }

  set onChange(changed: () => void) {
    this.#context.onstatechange = changed;
  }

  async resume(): Promise<void> {
    await this.#context.resume();
  }

  /** Measures a track of this participant, beside those it has; the same key again replaces the track. */
  measure(identity: string, key: string, track: MediaStreamTrack): void {
    if (this.#isClosed) return;
    this.forget(key);
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(this.#analyserOf(identity));
    this.#sources.set(key, source);
  }

  forget(key: string): void {
    this.#sources.get(key)?.disconnect();
    this.#sources.delete(key);
  }

  forgetParticipant(identity: string): void {
    this.#analysers.delete(identity);
  }

  /** Decibels relative to full scale, now. */
  levelDb(identity: string | undefined): number {
    const analyser = identity === undefined ? undefined : this.#analysers.get(identity);
    if (analyser === undefined) return SILENCE_DB;
    analyser.getFloatTimeDomainData(this.#samples);
    return levelDbOf(this.#samples);
  }

  /** May be called again. Nobody waits for it: a context whose device never starts may take for ever to close. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.onstatechange = null;
    for (const source of this.#sources.values()) source.disconnect();
    this.#sources.clear();
    this.#context.close().catch(() => {/* it ends with the page */});
  }

  #analyserOf(identity: string): AnalyserNode {
    const known = this.#analysers.get(identity);
    if (known) return known;
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = WINDOW_SAMPLES;
    this.#analysers.set(identity, analyser);
    return analyser;
  }
}

/** Without an element that plays it, Chromium hands WebAudio only silence of a remote track. */
export function play(track: RemoteTrack): void {
  document.body.append(track.attach());
}

export function stopPlaying(track: RemoteTrack): void {
  for (const element of track.detach()) element.remove();
}
