/**
 * The child's end of its channel to the control plane (messages.ts). It never throws into its caller: once the parent is
 * gone, what is sent is dropped and `closed` has resolved. What arrives before the first `listen` waits.
 */
import { MessageStream } from "../message_stream.ts";
import type { ChildMessage, ParentMessage } from "../messages.ts";

export interface ChildChannel {
  /** Resolves when the parent is gone or has hung up. */
  readonly closed: Promise<void>;
  readonly isOpen: boolean;
  /** The parent is trusted, so its messages are taken as they are. */
  listen(handle: (message: ParentMessage) => void): void;
  /** False when the message was dropped: parent gone, too long, or too much waits already. */
  send(message: ChildMessage): boolean;
  /** Sends a last message; resolves when it has left the process, or can't. */
  sendLast(message: ChildMessage): Promise<void>;
}

/** How long an exit waits for the last message to leave the process. */
const FLUSH_LIMIT_MS = 200;

/**
 * Connects to the parent with the token that it gave, then gives up the right to do so: the socket lies outside of what
 * an agent may touch. Throws when the parent is not there.
 */
export async function openChildChannel([path, token]: readonly string[]): Promise<ChildChannel> {
  if (path === undefined || token === undefined) {
    throw new TypeError("Cannot start a child: it was not told where its parent is");
  }
  const connection = await Deno.connect({ transport: "unix", path });
  revokeAccess(path);
  await connection.write(new TextEncoder().encode(token));
  return new SocketChannel(connection);
}

class SocketChannel implements ChildChannel {
  readonly closed: Promise<void>;
  readonly #stream: MessageStream;
  readonly #early: ParentMessage[] = [];
  #handle: (message: ParentMessage) => void = (message) => void this.#early.push(message);

  constructor(connection: Deno.Conn) {
    this.#stream = new MessageStream({ onMessage: (message) => this.#handle(message as ParentMessage) });
    this.closed = this.#stream.closed;
    this.#stream.attach(connection);
  }

  get isOpen(): boolean {
    return !this.#stream.isClosed;
  }

  listen(handle: (message: ParentMessage) => void): void {
    this.#handle = handle;
    for (const message of this.#early.splice(0)) handle(message);
  }

  send(message: ChildMessage): boolean {
    return this.#stream.send(message);
  }

  async sendLast(message: ChildMessage): Promise<void> {
    this.#stream.send(message);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FLUSH_LIMIT_MS);
    await Promise.race([this.#stream.flushed(), this.closed, promise]);
    clearTimeout(timer);
  }
}

function revokeAccess(path: string): void {
  // A process that may do everything keeps what it has.
  Deno.permissions.revokeSync({ name: "read", path });
  Deno.permissions.revokeSync({ name: "write", path });
  Deno.permissions.revokeSync({ name: "net", host: `unix:${path}` });
}
