/**
 * The pings of one worker connection. WorkerPing and WorkerPong are LiveKit's in-band pair: the server reads frames in
 * order, so a pong also proves that everything sent before its ping was taken (livekit.md 7b).
 * A peer counts as dead when nothing at all came from it for MAX_MISSED_PINGS pings in a row.
 */

/** Missed pings after which the peer counts as dead. */
export const MAX_MISSED_PINGS = 2;

export interface WorkerPingsOptions {
  /** Sends a WorkerPing; false when nothing was sent. */
  send: (timestamp: bigint) => boolean;
  onRoundTrip: (rttMs: number) => void;
}

export class WorkerPings {
  readonly #options: WorkerPingsOptions;
  readonly #waiting = new Map<bigint, { sentAtMs: number; settle: (isAnswered: boolean) => void }>();
  #lastTimestamp = 0n;
  #hasHeard = true;
  #missed = 0;

  constructor(options: WorkerPingsOptions) {
    this.#options = options;
  }

  /** To be called every `intervalMs`: notes whether the peer was heard since the last call, and pings it again. */
  tick(intervalMs: number): "alive" | "dead" {
    this.#missed = this.#hasHeard ? 0 : this.#missed + 1;
    this.#hasHeard = false;
    if (this.#missed >= MAX_MISSED_PINGS) return "dead";
    void this.ping(intervalMs * (MAX_MISSED_PINGS + 1)); // never rejects; its pong counts by noteLife
    return "alive";
  }

  /** Something came from the peer. */
  noteLife(): void {
    this.#hasHeard = true;
  }

  /** True on the pong; false when the time is over or the connection is gone. Never rejects. */
  ping(timeoutMs: number): Promise<boolean> {
    const now = BigInt(Date.now());
    const timestamp = now > this.#lastTimestamp ? now : this.#lastTimestamp + 1n; // unique, so that it names this ping
    this.#lastTimestamp = timestamp;
    if (timeoutMs <= 0 || !this.#options.send(timestamp)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(timestamp);
        resolve(isAnswered);
      };
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.#waiting.set(timestamp, { sentAtMs: performance.now(), settle });
    });
  }

  notePong(timestamp: bigint): void {
    const ping = this.#waiting.get(timestamp);
    if (!ping) return;
    this.#options.onRoundTrip(performance.now() - ping.sentAtMs);
    ping.settle(true);
  }

  /** The connection is gone: nobody will answer. */
  finish(): void {
    for (const { settle } of [...this.#waiting.values()]) settle(false);
  }
}
