/** ctx.progress and ctx.heartbeat. */
import type { ChildMessage } from "../messages.ts";

const PROGRESS_EVERY_MS = 1_000;
const MAX_PROGRESS_CHARS = 8_192;

/** Passes a job's progress on, at most once a second; the newest value is never lost. */
export class ProgressReports {
  readonly #jobId: string;
  readonly #send: (message: ChildMessage) => void;
  #waiting: { value: unknown } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(jobId: string, send: (message: ChildMessage) => void) {
    this.#jobId = jobId;
    this.#send = send;
  }

  /** Throws a TypeError when JSON can't say the value, or it is too long. */
  note(value: unknown): void {
    const text = JSON.stringify(value ?? null);
    if (text.length > MAX_PROGRESS_CHARS) {
      throw new TypeError(`Cannot note progress of ${text.length} characters: at most ${MAX_PROGRESS_CHARS}`);
    }
    this.#waiting = { value: JSON.parse(text) };
    if (this.#timer !== undefined) return;
    this.#sendWaiting();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting) this.note(this.#waiting.value);
    }, PROGRESS_EVERY_MS);
  }

  /** Sends what waits. Called once more before the job's last message. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    if (this.#waiting === null) return;
    this.#send({ type: "progress", jobId: this.#jobId, value: this.#waiting.value });
    this.#waiting = null;
  }
}

/** Calls `onMissed` when, after the first beat, none comes for `timeoutMs`. */
export class Heartbeat {
  readonly #timeoutMs: number | null;
  readonly #onMissed: (timeoutMs: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  /** @param timeoutMs null: beats are not watched. */
  constructor(timeoutMs: number | null, onMissed: (timeoutMs: number) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onMissed = onMissed;
  }

  beat(): void {
    const timeoutMs = this.#timeoutMs;
    if (timeoutMs === null || this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onMissed(timeoutMs), timeoutMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
