/**
 * Where children connect to: one unix socket in a folder that only this user can enter. A child gets the path and a
 * token that is good for one connection; its first bytes must be that token.
 *
 *   expect() → token ─▶ the child connects and says it ─▶ `connection` resolves; any other greeting is closed and counted
 *
 * - A greeting has GREETING_LIMIT_MS, and at most MAX_GREETING connections are being greeted at a time.
 * - A child that never connects: `connection` resolves with null when its `cancel` is called (its process is gone).
 * - The folder is no part of the data directory, which children can't reach at all. The reaper removes it when this
 *   process is killed.
 */
import { join } from "node:path";
import type { Logger } from "../lifecycle/logger.ts";
import { type Reaper, SOCKET_NAME } from "./reaper.ts";

export interface ExpectedChild {
  readonly token: string;
  /** The child's connection; null when it was not there before `cancel`. */
  readonly connection: Promise<Deno.Conn | null>;
  cancel(): void;
}

export interface ChildListenerOptions {
  logger: Logger;
  /** Removes the folder when we can't; null: then nobody does. */
  reaper: Pick<Reaper, "removeAtEnd"> | null;
}

const FOLDER_PREFIX = "greenroom-run-";
/** sockaddr_un holds 107 bytes and a terminator. */
const MAX_PATH_BYTES = 107;
const TOKEN_BYTES = 16;
const GREETING_LIMIT_MS = 5_000;
const MAX_GREETING = 64;

export class ChildListener {
  /** Of the socket. */
  readonly path: string;
  /** Connections closed because they did not say a token that we wait for. */
  refused = 0;
  readonly #options: ChildListenerOptions;
  readonly #listener: Deno.Listener;
  readonly #folder: string;
  readonly #expected = new Map<string, (connection: Deno.Conn | null) => void>();
  readonly #greeting = new Set<Deno.Conn>();
  #isClosed = false;

  private constructor(folder: string, options: ChildListenerOptions) {
    this.#options = options;
    this.#folder = folder;
    this.path = join(folder, SOCKET_NAME);
    this.#listener = Deno.listen({ transport: "unix", path: this.path });
    void this.#accept();
  }

  /** Throws when no socket can be made. */
  static open(options: ChildListenerOptions): ChildListener {
    let folder = Deno.makeTempDirSync({ prefix: FOLDER_PREFIX });
    if (new TextEncoder().encode(join(folder, SOCKET_NAME)).length > MAX_PATH_BYTES) {
      Deno.removeSync(folder);
      folder = Deno.makeTempDirSync({ dir: "/tmp", prefix: FOLDER_PREFIX });
    }
    void options.reaper?.removeAtEnd(folder);
    return new ChildListener(folder, options);
  }

  /** Waits for one more child. */
  expect(): ExpectedChild {
    const token = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)).toHex();
    const { promise, resolve } = Promise.withResolvers<Deno.Conn | null>();
    const settle = (connection: Deno.Conn | null) => {
      this.#expected.delete(token);
      resolve(connection);
    };
    if (this.#isClosed) settle(null);
    else this.#expected.set(token, settle);
    return { token, connection: promise, cancel: () => settle(null) };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    for (const connection of this.#greeting) connection.close();
    for (const settle of this.#expected.values()) settle(null);
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch (error) {
      this.#options.logger.debug("could not remove the folder of the children's socket", { error });
    }
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const connection = await this.#listener.accept();
        if (this.#greeting.size >= MAX_GREETING) this.#refuse(connection, "too many at once");
        else void this.#greet(connection);
      } catch (error) {
        // Out of descriptors, for one: what waits is accepted later.
        if (this.#isClosed) return;
        this.#options.logger.error("could not accept a child's connection", { error });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async #greet(connection: Deno.Conn): Promise<void> {
    this.#greeting.add(connection);
    const timer = setTimeout(() => connection.close(), GREETING_LIMIT_MS);
    const token = await readToken(connection).catch(() => null); // closed meanwhile, by either side
    clearTimeout(timer);
    this.#greeting.delete(connection);
    const settle = token === null ? undefined : this.#expected.get(token);
    if (settle) settle(connection);
    else this.#refuse(connection, "no token that is waited for");
  }

  #refuse(connection: Deno.Conn, reason: string): void {
    this.refused++;
    this.#options.logger.warn("refused a connection to the children's socket", { reason, refused: this.refused });
    try {
      connection.close();
    } catch {
      // Its time was over, and so it was closed.
    }
  }
}

/** A token's length of characters and no more, so that the messages behind it are left for whoever reads them. */
async function readToken(connection: Deno.Conn): Promise<string | null> {
  const bytes = new Uint8Array(TOKEN_BYTES * 2);
  for (let length = 0; length < bytes.length;) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) return null;
    length += count;
  }
  return new TextDecoder().decode(bytes);
}
