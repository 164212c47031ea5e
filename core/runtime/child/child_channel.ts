/**
 * The child's end of the IPC channel to the control plane (messages.ts). It never throws into its caller: once the
 * parent is gone, what is sent is dropped and `closed` has resolved. Listening starts with the first `listen`, so a
 * child listens before it loads anything: what arrived earlier waits in the pipe.
 */
import process from "node:process";
import type { ChildMessage, ParentMessage } from "../messages.ts";

/** How long an exit waits for the last message to leave the process. */
const FLUSH_LIMIT_MS = 200;

export class ChildChannel {
  /** Resolves when the parent is gone or has hung up. */
  readonly closed: Promise<void>;
  #isOpen = process.send !== undefined && process.connected;
  readonly #resolveClosed: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    if (this.#isOpen) process.once("disconnect", () => this.#close());
    else this.#close();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The parent is trusted, so its messages are taken as they are. */
  listen(handle: (message: ParentMessage) => void): void {
    process.on("message", (message) => handle(message as ParentMessage));
  }

  send(message: ChildMessage): void {
    this.#write(message, () => {});
  }

  /** Sends a last message; resolves when it has left the process, or can't. */
  async sendLast(message: ChildMessage): Promise<void> {
    const flushed = Promise.withResolvers<void>();
    this.#write(message, flushed.resolve);
    const timer = setTimeout(flushed.resolve, FLUSH_LIMIT_MS);
    await Promise.race([flushed.promise, this.closed]);
    clearTimeout(timer);
  }

  #write(message: ChildMessage, done: () => void): void {
    if (!this.#isOpen) return done();
    try {
      process.send?.(message, undefined, undefined, (error: Error | null) => {
        if (error) this.#close();
        done();
      });
    } catch {
      // The pipe broke under the write: there is nobody left to tell, and `closed` says so.
      this.#close();
      done();
    }
  }

  #close(): void {
    this.#isOpen = false;
    this.#resolveClosed();
  }
}
