/** Hears one tone: the Goertzel filter's share of a frame's energy at that frequency says whether it is there. */
import type { ToneReport } from "./room_participant_protocol.ts";

const LEAST_RMS = 300;
const LEAST_SHARE = 0.6;
/** Frames in a row (10 ms each) before a tone counts as heard. */
const FRAMES_TO_HEAR = 5;

export class ToneEar {
  readonly #sampleRate: number;
  readonly #onHeard: (heard: { hz: number; from: string; at: number }) => void;
  #hz = 0;
  #inARow = 0;
  #isReported = false;
  #heardMs = 0;
  #lastHeardAt = 0;
  #largestGapMs = 0;

  constructor(sampleRate: number, onHeard: (heard: { hz: number; from: string; at: number }) => void) {
    this.#sampleRate = sampleRate;
    this.#onHeard = onHeard;
  }

  /** Begins anew, for this tone. */
  listenFor(hz: number): void {
    this.#hz = hz;
    this.#inARow =
      this.#heardMs =
      this.#lastHeardAt =
      this.#largestGapMs =
        0;
    this.#isReported = false;
  }

  hear(samples: Int16Array, from: string, at: number): void {
    if (this.#hz === 0 || !hasTone(samples, this.#hz, this.#sampleRate)) {
      this.#inARow = 0;
      return;
    }
    this.#inARow++;
    this.#heardMs += samples.length / this.#sampleRate * 1_000;
    if (this.#lastHeardAt > 0) this.#largestGapMs = Math.max(this.#largestGapMs, at - this.#lastHeardAt);
    this.#lastHeardAt = at;
    if (this.#inARow < FRAMES_TO_HEAR || this.#isReported) return;
    this.#isReported = true;
    this.#onHeard({ hz: this.#hz, from, at });
  }

  report(): ToneReport {
    return { hz: this.#hz, heardMs: Math.round(this.#heardMs), largestGapMs: this.#largestGapMs };
  }
}

/** Whether most of the energy of these samples is at `hz`. */
export function hasTone(samples: Int16Array, hz: number, sampleRate: number): boolean {
  const coefficient = 2 * Math.cos(2 * Math.PI * hz / sampleRate);
  let before = 0, previous = 0, energy = 0;
  for (const sample of samples) {
    [before, previous] = [previous, sample + coefficient * previous - before];
    energy += sample * sample;
  }
  if (Math.sqrt(energy / samples.length) < LEAST_RMS) return false;
  const power = before * before + previous * previous - coefficient * before * previous;
  return 2 * power / (samples.length * energy) > LEAST_SHARE;
}
