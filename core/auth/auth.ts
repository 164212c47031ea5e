/**
 * Everything about who may ask, in one place: keys, sessions, the sign-in link, limits on guessing, names we answer to, and
 * the audit log. There before the database is; sessions and the table's keys count from `attach` on.
 */
import type { Database } from "../../db/client.ts";
import type { ApiKeyRow } from "../../db/api_keys.ts";
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { ADMIN_NAME, ApiKeys, bearerOf } from "./api_keys.ts";
import { AttemptLimiter } from "./attempt_limiter.ts";
import { AuditTrail } from "./audit_trail.ts";
import { HostPolicy } from "./host_policy.ts";
import type { Principal } from "./principal.ts";
import { digestOf } from "./secrets.ts";
import { Sessions } from "./sessions.ts";
import { SignInLink } from "./sign_in_link.ts";

/** Tries at signing in, and different wrong API keys, per address. */
const ATTEMPTS = { perMinute: 10, burst: 5 };

export type KeyVerdict =
  | { kind: "known"; principal: Principal }
  | { kind: "unknown" }
  | { kind: "limited"; retryAfterSeconds: number };

export type SignInVerdict =
  | { kind: "signed_in"; cookie: string; maxAgeMs: number; principal: Principal }
  | Exclude<KeyVerdict, { kind: "known" }>;

export class Auth implements Service {
  readonly name = "auth";
  readonly apiKeys: ApiKeys;
  readonly audit: AuditTrail;
  readonly hosts: HostPolicy;
  readonly link: SignInLink;
  /** Null until the database is there. */
  sessions: Sessions | null = null;
  readonly #config: Pick<Config, "sessionIdleMs" | "sessionMaxMs">;
  readonly #logger: Logger;
  readonly #keyLimiter = new AttemptLimiter(ATTEMPTS);
  readonly #signInLimiter = new AttemptLimiter(ATTEMPTS);

  constructor(
    { adminKey, config, dataDir, logger }: {
      adminKey: string;
      config: Pick<Config, "host" | "allowedHosts" | "sessionIdleMs" | "sessionMaxMs">;
      /** Where the sign-in link's file lies. */
      dataDir: string;
      logger: Logger;
    },
  ) {
    this.#config = config;
    this.#logger = logger;
    this.apiKeys = new ApiKeys({ adminKey, logger });
    this.audit = new AuditTrail(logger);
    this.hosts = new HostPolicy(config);
    this.link = new SignInLink(dataDir);
  }

  /** From here on sessions and the table's keys count. Throws when the database can't be read. */
  async attach(database: Database): Promise<void> {
    const { sessionIdleMs: idleMs, sessionMaxMs: maxMs } = this.#config;
    await this.apiKeys.attach(database);
    this.audit.attach(database);
    this.sessions = new Sessions({ database, logger: this.#logger, idleMs, maxMs });
  }

  /** Keeps the keys fresh and writes the audit log. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.apiKeys.run(signal), this.audit.run(signal)]);
  }

  /**
   * Checks an Authorization header. A right key is always let in; wrong ones are counted per address, so that a guesser is
   * slowed down while a client with one stale key keeps getting the plain answer.
   */
  async checkKey(authorization: string, address: string, nowMs = Date.now()): Promise<KeyVerdict> {
    const principal = await this.apiKeys.authenticate(authorization);
    if (principal) return { kind: "known", principal };
    const key = bearerOf(authorization);
    const retryAfterSeconds = key === null ? null : this.#keyLimiter.takeOnce(address, digestOf(key), nowMs);
    return retryAfterSeconds === null ? { kind: "unknown" } : { kind: "limited", retryAfterSeconds };
  }

  /** Opens a session for an API key. `replaces` is the session cookie that the browser had. */
  signInWithKey(key: string, address: string, replaces: string | null): Promise<SignInVerdict> {
    return this.#signIn(() => this.apiKeys.authenticate(`Bearer ${key}`), address, replaces);
  }

  /** Opens an admin's session for the sign-in link's token, once. */
  signInWithLink(token: string, address: string, replaces: string | null): Promise<SignInVerdict> {
    const admin: Principal = { name: ADMIN_NAME, role: "admin", via: "session" };
    return this.#signIn(() => this.link.use(token) ? admin : null, address, replaces);
  }

  /** The key that is no longer valid, whose sessions have ended too; null when there is no such key. */
  async revokeKey(id: string): Promise<ApiKeyRow | null> {
    const row = await this.apiKeys.revoke(id);
    if (row) await this.#startedSessions().closeAllOf(row.name);
    return row;
  }

  async #signIn(
    identify: () => Principal | null | Promise<Principal | null>,
    address: string,
    replaces: string | null,
  ): Promise<SignInVerdict> {
    const sessions = this.#startedSessions();
    const retryAfterSeconds = this.#signInLimiter.take(address, Date.now());
    if (retryAfterSeconds !== null) return { kind: "limited", retryAfterSeconds };
    const who = await identify();
    if (who === null) return { kind: "unknown" };
    this.#signInLimiter.giveBack(address);
    const cookie = await sessions.open(who, replaces);
    await this.link.retire();
    return { kind: "signed_in", cookie, maxAgeMs: this.#config.sessionMaxMs, principal: { ...who, via: "session" } };
  }

  #startedSessions(): Sessions {
    if (this.sessions === null) throw new Error("Cannot use sessions: the database has not started");
    return this.sessions;
  }
}
