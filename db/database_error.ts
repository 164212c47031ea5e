/**
 * What can be wrong with the database, in words that a person can act on. Messages never hold a URL, a password or a
 * statement's parameters; the driver's own error stays in `cause`.
 */

export type DatabaseErrorCode =
  | "away"
  | "wrong_password"
  | "unknown_database"
  | "refused"
  | "host_not_found"
  | "starting"
  | "too_many_connections"
  | "tls"
  | "pooler"
  | "timeout"
  | "connection_lost"
  | "disk_full"
  | "not_writable"
  | "server_too_old"
  | "migrations_broken"
  | "unsupported_platform"
  | "incompatible_cluster"
  | "password_lost"
  | "start_failed"
  | "unexpected";

export interface DatabaseProblem {
  code: DatabaseErrorCode;
  message: string;
  remedy: string;
}

/** A database problem as an exception; thrown by everything in db/ that starts, connects or migrates. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: DatabaseErrorCode;
  readonly remedy: string;
  constructor(problem: DatabaseProblem, options?: ErrorOptions) {
    super(problem.message, options);
    this.code = problem.code;
    this.remedy = problem.remedy;
  }

  /** That the database is away is logged once, by who found out (core/coordination/database_watch.ts). */
  get isTold(): boolean {
    return this.code === "away";
  }
}

interface Cause {
  code?: unknown;
  message?: unknown;
  cause?: unknown;
  address?: unknown;
  port?: unknown;
}

/** Explains an error of postgres.js, of drizzle (looks at its cause) or one of our own. */
export function describeDatabaseError(error: unknown): DatabaseProblem {
  if (error instanceof DatabaseError) return { code: error.code, message: error.message, remedy: error.remedy };
  const { code, text } = innermost(error);
  const known = /before secure TLS/.test(text) ? TLS : BY_CODE[code] ?? byText(text);
  if (known !== undefined) return known;
  return {
    code: "unexpected",
    message: `The database reported an error${code === "" ? "" : ` (${code})`}: ${withoutSecrets(text)}`,
    remedy: "See the database server's log; if this stays, report it with this message.",
  };
}

/** Whether a later try can succeed without anyone changing something. */
export function isTransient(problem: DatabaseProblem): boolean {
  return TRANSIENT.has(problem.code);
}

const TRANSIENT: ReadonlySet<DatabaseErrorCode> = new Set([
  "away",
  "refused",
  "host_not_found",
  "starting",
  "too_many_connections",
  "timeout",
  "connection_lost",
]);

/** While the database is known to be away, statements fail with this, at once. `cause` is what was seen of it. */
export function databaseAway(since: Date, cause: DatabaseProblem): DatabaseProblem {
  return {
    code: "away",
    message: `The database has been away since ${since.toISOString()}: ${cause.message}`,
    remedy: `Try again in a moment; running calls go on meanwhile. Operators: ${cause.remedy}`,
  };
}

const WRONG_PASSWORD: DatabaseProblem = {
  code: "wrong_password",
  message: "The database refused the user name or the password.",
  remedy: "Check user and password in DATABASE_URL (special characters must be percent-encoded), and pg_hba.conf.",
};
const REFUSED: DatabaseProblem = {
  code: "refused",
  message: "Nothing answers at the database's address.",
  remedy: "Check that PostgreSQL runs, and host and port in DATABASE_URL.",
};
const NOT_FOUND: DatabaseProblem = {
  code: "host_not_found",
  message: "The database's host name cannot be resolved.",
  remedy: "Check the host in DATABASE_URL, and DNS.",
};
const STARTING: DatabaseProblem = {
  code: "starting",
  message: "The database is starting, stopping or recovering.",
  remedy: "Wait a moment; if it stays so, see the database server's log.",
};
const TIMEOUT: DatabaseProblem = {
  code: "timeout",
  message: "The database did not answer in time.",
  remedy: "Check the network and firewall between here and the host in DATABASE_URL, and the server's load.",
};
const LOST: DatabaseProblem = {
  code: "connection_lost",
  message: "The connection to the database was lost.",
  remedy: "It is opened again by itself; if this repeats, see the network and the database server's log.",
};
const TLS: DatabaseProblem = {
  code: "tls",
  message: "The encrypted connection to the database could not be made.",
  remedy: "Check sslmode in DATABASE_URL (disable, require, verify-full) against the server and its certificate.",
};
const DISK_FULL: DatabaseProblem = {
  code: "disk_full",
  message: "The disk of the database is full.",
  remedy: "Free some space on the database's disk; nothing that was committed is lost.",
};
const POOLER: DatabaseProblem = {
  code: "pooler",
  message: "A connection pooler in front of the database refused our session settings.",
  remedy: "Give DATABASE_URL a direct or session-mode connection; for PgBouncer set " +
    "pool_mode=session and ignore_startup_parameters=statement_timeout.",
};

/** SQLSTATEs (PostgreSQL manual, appendix A), errno names and postgres.js' own codes. */
const BY_CODE: Readonly<Record<string, DatabaseProblem>> = {
  "28P01": WRONG_PASSWORD,
  "28000": WRONG_PASSWORD,
  "3D000": {
    code: "unknown_database",
    message: "The database named in DATABASE_URL does not exist on the server.",
    remedy: "Create it (createdb), or correct the name at the end of DATABASE_URL.",
  },
  "57P03": STARTING,
  "57P01": LOST,
  "57P02": LOST,
  "53300": {
    code: "too_many_connections",
    message: "The database has no connection left for us.",
    remedy: "Raise max_connections on the server, or lower DATABASE_POOL_SIZE.",
  },
  "53100": DISK_FULL,
  "25006": {
    code: "not_writable",
    message: "The database takes no writes: it is read-only, or a standby.",
    remedy: "Let DATABASE_URL name the primary server; after a fail-over, wait until the new one is promoted.",
  },
  "57014": {
    ...TIMEOUT,
    remedy:
      "Ask for less (fewer days, a narrower search). If it stays: raise DATABASE_STATEMENT_TIMEOUT_MS, for pages " +
      "and lists DATABASE_READ_TIMEOUT_MS, or look for locks and load on the server.",
  },
  ECONNREFUSED: REFUSED,
  ENOENT: REFUSED,
  EHOSTUNREACH: REFUSED,
  ENETUNREACH: REFUSED,
  ENOTFOUND: NOT_FOUND,
  EAI_AGAIN: NOT_FOUND,
  CONNECT_TIMEOUT: TIMEOUT,
  ETIMEDOUT: TIMEOUT,
  CONNECTION_CLOSED: LOST,
  CONNECTION_DESTROYED: LOST,
  CONNECTION_ENDED: LOST,
  ECONNRESET: LOST,
  EPIPE: LOST,
  "08P01": POOLER,
  DEPTH_ZERO_SELF_SIGNED_CERT: TLS,
  SELF_SIGNED_CERT_IN_CHAIN: TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: TLS,
  CERT_HAS_EXPIRED: TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: TLS,
  EPROTO: TLS,
};

function byText(text: string): DatabaseProblem | undefined {
  if (/certificate|\bTLS\b|\bSSL\b|handshake|UnknownIssuer/i.test(text)) return TLS;
  if (/failed to lookup address|name or service not known|getaddrinfo/i.test(text)) return NOT_FOUND;
  if (/connection refused/i.test(text)) return REFUSED;
  return undefined;
}

/** drizzle wraps the driver's error, Deno wraps the system's: the innermost one that has a code tells the truth. */
function innermost(error: unknown): { code: string; text: string } {
  let found = { code: "", text: String((error as Cause | null)?.message ?? error) };
  let current = error as Cause | null | undefined;
  for (let depth = 0; depth < 5 && current !== null && typeof current === "object"; depth++) {
    if (typeof current.code === "string") found = { code: current.code, text: String(current.message ?? current.code) };
    current = current.cause as Cause | null | undefined;
  }
  return found;
}

function withoutSecrets(text: string): string {
  return text.replace(/postgres(ql)?:\/\/\S+/gi, "postgres://…").slice(0, 500);
}
