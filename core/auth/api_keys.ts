/**
 * API keys: the admin key of the settings, and those of the table `api_keys`, each with a role.
 *
 * Keys are compared as SHA-256 digests in constant time; the key itself is kept nowhere but in the operator's hands. All
 * valid keys of the table (at most MAX_KEYS) are in memory, read again every REFRESH_EVERY_MS: a key that was revoked on
 * another instance works for so long at most, a new one is looked for at once (at most once a second). While the database
 * is away the known keys go on working and the failed reads are logged; an unknown key is then an error, not a refusal.
 */
import type { Database } from "../../db/client.ts";
import {
  type ApiKeyRow,
  findApiKeyByName,
  insertApiKey,
  listValidApiKeys,
  revokeApiKey,
  touchApiKey,
} from "../../db/api_keys.ts";
import type { Role } from "../../db/schema/states.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { Principal } from "./principal.ts";
import { digestOf, isSameDigest, makeSecret } from "./secrets.ts";

export const ADMIN_NAME = "admin";
export const MAX_KEYS = 10_000;
const REFRESH_EVERY_MS = 2_000;
/** An unknown key makes us read the table again, but no more often than this. */
const LOOK_AGAIN_MS = 1_000;
/** `last_used_at` is written at most once in this time per key. */
const TOUCH_EVERY_MS = 60_000;

interface KnownKey {
  id: string;
  digest: string;
  expiresAt: Date | null;
  principal: Principal;
  touchedAtMs: number;
}

export type CreateKeyResult = { ok: true; key: string; row: ApiKeyRow } | {
  ok: false;
  code: "name_taken" | "too_many";
};

export class ApiKeys {
  readonly #adminDigest: string;
  readonly #logger: Logger;
  #database: Database | null = null;
  #known: ReadonlyMap<string, KnownKey> = new Map();
  #readAtMs = -Infinity;
  #reads: Promise<void> = Promise.resolve();
  #looking: Promise<void> | null = null;

  constructor({ adminKey, logger }: { adminKey: string; logger: Logger }) {
    this.#adminDigest = digestOf(adminKey);
    this.#logger = logger;
  }

  /** From here on the table's keys count. Throws when it can't be read. */
  async attach(database: Database): Promise<void> {
    this.#database = database;
    await this.refresh();
  }

  /** Keeps the keys in memory fresh until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) =>
      this.#logger.warn("could not read the API keys again; those known go on working", { error });
    await runEvery({ everyMs: REFRESH_EVERY_MS, signal, task: () => this.refresh(), onError });
  }

  /**
   * The principal of an `Authorization: Bearer …` header, or null when there is none or the key is wrong, revoked or
   * expired. Answers from memory for known keys. Throws when the key is unknown and the database can't be asked.
   */
  async authenticate(authorization: string | null, now = new Date()): Promise<Principal | null> {
    const given = bearerOf(authorization);
    if (given === null) return null;
    const digest = digestOf(given);
    if (isSameDigest(digest, this.#adminDigest)) return { name: ADMIN_NAME, role: "admin", via: "key" };
    let key = this.#known.get(digest);
    if (key === undefined && this.#database !== null) {
      await this.#lookAgain();
      key = this.#known.get(digest);
    }
    if (key === undefined || !isSameDigest(key.digest, digest)) return null;
    if (key.expiresAt !== null && key.expiresAt <= now) return null;
    this.#touch(key, now);
    return key.principal;
  }

  /** Whether the key of this `Authorization` header still counts, from memory. Does not count as use of it. */
  isValid(authorization: string, now = new Date()): boolean {
    const digest = digestOf(bearerOf(authorization) ?? "");
    if (isSameDigest(digest, this.#adminDigest)) return true;
    const key = this.#known.get(digest);
    return key !== undefined && (key.expiresAt === null || key.expiresAt > now);
  }

  /** Makes a key and stores its digest; the key is in the answer and never again. */
  async create(options: { name: string; role: Role; expiresAt: Date | null }): Promise<CreateKeyResult> {
    const database = this.#attached();
    const isTaken = options.name === ADMIN_NAME || await findApiKeyByName(database, options.name) !== null;
    if (isTaken) return { ok: false, code: "name_taken" };
    if (this.#known.size >= MAX_KEYS) return { ok: false, code: "too_many" };
    const key = makeApiKey();
    const row = await insertApiKey(database, { id: uuidv7(), digest: digestOf(key), ...options });
    if (row === null) return { ok: false, code: "name_taken" };
    await this.refresh();
    return { ok: true, key, row };
  }

  /** The key that is no longer valid, or null when there is none with this id. Here it stops working at once. */
  async revoke(id: string): Promise<ApiKeyRow | null> {
    const row = await revokeApiKey(this.#attached(), id);
    await this.refresh();
    return row;
  }

  /** Reads the table; a call that comes during a read makes one of its own after it, so that it sees what was written. */
  refresh(): Promise<void> {
    const read = this.#reads.then(() => this.#read());
    this.#reads = read.catch(() => {}); // the caller of this read has the error; the next read does not depend on it
    return read;
  }

  async #read(): Promise<void> {
    const rows = await listValidApiKeys(this.#attached(), MAX_KEYS);
    const known = new Map<string, KnownKey>();
    for (const { id, digest, name, role, expiresAt, lastUsedAt } of rows) {
      const touchedAtMs = Math.max(this.#known.get(digest)?.touchedAtMs ?? 0, lastUsedAt?.getTime() ?? 0);
      known.set(digest, { id, digest, expiresAt, touchedAtMs, principal: { name, role, via: "key" } });
    }
    this.#known = known;
    this.#readAtMs = performance.now();
  }

  async #lookAgain(): Promise<void> {
    if (performance.now() - this.#readAtMs < LOOK_AGAIN_MS) return;
    this.#looking ??= this.refresh().finally(() => this.#looking = null);
    await this.#looking;
  }

  #touch(key: KnownKey, now: Date): void {
    if (now.getTime() - key.touchedAtMs < TOUCH_EVERY_MS) return;
    key.touchedAtMs = now.getTime();
    touchApiKey(this.#attached(), key.id).catch((error) =>
      this.#logger.warn("could not write when an API key was last used", { name: key.principal.name, error })
    );
  }

  #attached(): Database {
    if (this.#database === null) throw new Error("Cannot use the table of API keys: the database has not started");
    return this.#database;
  }
}

/** The key of an `Authorization` header, or null when it has none that could be one. */
export function bearerOf(authorization: string | null): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1] ?? null;
}

/** 32 random bytes, base64url, with a prefix that secret scanners can find. */
export function makeApiKey(): string {
  return `gr_${makeSecret()}`;
}
