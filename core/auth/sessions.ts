/**
 * Sessions of signed-in browsers.
 *
 * The cookie holds 32 random bytes; the database holds their SHA-256, so that its contents open nothing. A session ends
 * when it was idle for `idleMs`, at `maxMs` after sign-in, by signing out, or when its key is revoked. Sessions are
 * remembered for REMEMBER_MS: one that was ended on another instance works for so long at most. Signing in always makes a
 * new session and ends the one that the browser had. With the database away, sessions can't be checked: `find` throws.
 */
import { createHmac } from "node:crypto";
import type { Database } from "../../db/client.ts";
import {
  deleteSession,
  deleteSessionsOf,
  findSession,
  insertSession,
  pruneSessions,
  type SessionRow,
  touchSession,
} from "../../db/sessions.ts";
import type { Role } from "../../db/schema/states.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Principal } from "./principal.ts";
import { digestOf, makeSecret } from "./secrets.ts";

const REMEMBER_MS = 4_000;
const MAX_REMEMBERED = 10_000;
/** `last_seen_at` is written at most once in this time per session. */
const TOUCH_EVERY_MS = 60_000;

export interface Session {
  principal: Principal;
  /** What this browser must send with every write; see `csrfTokenOf`. */
  csrfToken: string;
}

interface Remembered {
  row: SessionRow;
  readAtMs: number;
}

export class Sessions {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #idleMs: number;
  readonly #maxMs: number;
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: { database: Database; logger: Logger; idleMs: number; maxMs: number }) {
    this.#database = options.database;
    this.#logger = options.logger;
    this.#idleMs = options.idleMs;
    this.#maxMs = options.maxMs;
  }

  /** The new cookie's value. `replaces` is the one that the browser had: that session ends. */
  async open(who: { name: string; role: Role }, replaces: string | null, now = new Date()): Promise<string> {
    if (replaces !== null) await this.close(replaces);
    await pruneSessions(this.#database, { now, seenBefore: this.#idleSince(now) });
    const secret = makeSecret();
    const expiresAt = new Date(now.getTime() + this.#maxMs);
    const { name, role } = who;
    await insertSession(this.#database, { digest: digestOf(secret), name, role, createdAt: now, expiresAt });
    return secret;
  }

  /** Null when the cookie's value is not that of a session that lasts. */
  async find(secret: string, now = new Date()): Promise<Session | null> {
    const digest = digestOf(secret);
    const row = await this.#read(digest, now);
    if (row === null) return null;
    this.#touch(row, now);
    return { principal: { name: row.name, role: row.role, via: "session" }, csrfToken: csrfTokenOf(secret) };
  }

  /** Whether the cookie's session still lasts. Does not count as use of it: a page left open must not keep it alive. */
  async isOpen(secret: string, now = new Date()): Promise<boolean> {
    return await this.#read(digestOf(secret), now) !== null;
  }

  async close(secret: string): Promise<void> {
    const digest = digestOf(secret);
    await deleteSession(this.#database, digest);
    this.#remembered.delete(digest);
  }

  /** Ends every session that was opened with the key of this name. */
  async closeAllOf(name: string): Promise<void> {
    await deleteSessionsOf(this.#database, name);
    this.#remembered.clear();
  }

  async #read(digest: string, now: Date): Promise<SessionRow | null> {
    const known = this.#remembered.get(digest);
    const isFresh = known !== undefined && now.getTime() - known.readAtMs < REMEMBER_MS;
    if (isFresh && known.row.expiresAt > now && known.row.lastSeenAt > this.#idleSince(now)) return known.row;
    const row = await findSession(this.#database, { digest, now, seenAfter: this.#idleSince(now) });
    this.#remembered.delete(digest);
    if (row === null) return null;
    this.#remembered.set(digest, { row, readAtMs: now.getTime() });
    const oldest = this.#remembered.size > MAX_REMEMBERED ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    return row;
  }

  #touch(row: SessionRow, now: Date): void {
    if (now.getTime() - row.lastSeenAt.getTime() < Math.min(TOUCH_EVERY_MS, this.#idleMs / 4)) return;
    row.lastSeenAt = now;
    touchSession(this.#database, row.digest, now).catch((error) =>
      this.#logger.warn("could not write when a session was last seen", { name: row.name, error })
    );
  }

  #idleSince(now: Date): Date {
    return new Date(now.getTime() - this.#idleMs);
  }
}

/** Only who has the session's cookie can make it, and it does not tell the cookie: HMAC-SHA256 keyed by the cookie. */
export function csrfTokenOf(secret: string): string {
  return createHmac("sha256", secret).update("greenroom csrf").digest("base64url");
}
