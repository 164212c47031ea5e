/**
 * The turns of cold starts, so that a burst of them neither holds the control plane's event loop nor starves the machine:
 *
 * - One caller after another, with a turn of the event loop between: starting a process holds the loop, and jobs that got
 *   a warm slot shall not wait for the processes of those that did not.
 * - No more than `limit` processes load for jobs at a time. All at once they share the cores and all get ready last:
 *   16 on 2 busy cores had the first one loaded after 9.5 s, and 4 at a time after 1.4 s, the last one as soon as before.
 * - While somebody waits, nothing is started that nobody waits for (`isBusy`).
 * - A process that loads for longer than SLOW_LOAD_MS (a long prewarm) holds nobody back.
 */
import { Alarm } from "../lifecycle/alarm.ts";

/** What is needed of a SlotProcess. */
interface LoadingProcess {
  readonly state: string;
  /** Null without a process of its own. */
  readonly pid: number | null;
}

const SLOW_LOAD_MS = 5_000;
/** Nobody tells when a process has become a slow one. */
const LOOK_EVERY_MS = 250;

export class StartTurns {
  readonly #limit: number;
  readonly #alarm = new Alarm();
  readonly #stopping = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #loading: { process: LoadingProcess; sinceMs: number }[] = [];
  #waiting = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether somebody waits for a turn, or for a process that was started in one. */
  get isBusy(): boolean {
    return this.#waiting > 0 || this.#countLoading() > 0;
  }

  /** Resolves when the caller may start a process, or no longer has to. Never rejects. */
  wait(hasToStart: () => boolean): Promise<void> {
    this.#waiting++;
    return this.#last = this.#last.then(() => this.#turn(hasToStart)).finally(() => this.#waiting--);
  }

  /** A process was started for a job. */
  started(process: LoadingProcess): void {
    if (process.pid !== null) this.#loading.push({ process, sinceMs: performance.now() });
  }

  /** One of them may have loaded or ended. */
  changed(): void {
    this.#alarm.ring();
  }

  /** Lets everybody go on. */
  stop(): void {
    this.#stopping.abort();
  }

  async #turn(hasToStart: () => boolean): Promise<void> {
    const { signal } = this.#stopping;
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (!signal.aborted && hasToStart() && this.#countLoading() >= this.#limit) {
      await this.#alarm.wait(LOOK_EVERY_MS, signal);
    }
  }

  #countLoading(): number {
    const nowMs = performance.now();
    this.#loading = this.#loading.filter(({ process, sinceMs }) =>
      process.state === "loading" && nowMs - sinceMs < SLOW_LOAD_MS
    );
    return this.#loading.length;
  }
}
