/** The database: reached, recent enough, migrated, and with sessions of our own. */
import { type Database, openDatabase } from "../../../db/client.ts";
import { type DatabaseDiagnosis, diagnoseDatabase } from "../../../db/diagnose.ts";
import { EmbeddedPostgres } from "../../../db/embedded.ts";
import { findPostgresPackage } from "../../../db/embedded/binaries.ts";
import { OLDEST_SERVER } from "../../../db/migrate.ts";
import type { Config } from "../../config/settings.ts";
import { DataDirError, openDataDir } from "../../lifecycle/data_dir.ts";
import { silentLogger } from "../../lifecycle/logger.ts";
import { type CheckResult, failed, failedBy, ok, skipped, warned, within } from "./check.ts";

const NAME = "database";
const VERSION = "database version";
const MIGRATIONS = "migrations";
const SESSIONS = "database sessions";
/** Beyond connecting: some short statements. */
const STATEMENTS_LIMIT_MS = 10_000;

/**
 * @param holder the running process that holds the data directory, and with it the embedded database
 * @param running the database of the running program that asks
 */
export async function checkDatabase(
  config: Config,
  { holder, running }: { holder: string | null; running: Database | null },
): Promise<CheckResult[]> {
  if (running) return await diagnose(config, running, config.databaseUrl === null ? "embedded" : "DATABASE_URL");
  if (config.databaseUrl !== null) return await connectAndDiagnose(config, config.databaseUrl, "DATABASE_URL");
  if (holder !== null) return [skipped(NAME, `the embedded database is in use by ${holder}`)];
  return await checkEmbedded(config);
}

/** Started only where one has been made before: the first start makes it, not doctor. */
async function checkEmbedded(config: Config): Promise<CheckResult[]> {
  const { version } = await findPostgresPackage();
  if (!await hasBeenMade(config.dataDir)) {
    return [ok(NAME, `embedded PostgreSQL ${version} will be created at the first start`)];
  }
  let dataDir;
  try {
    dataDir = await openDataDir(config.dataDir);
  } catch (error) {
    if (error instanceof DataDirError) return [skipped(NAME, "not started, because the data directory can't be used")];
    throw error;
  }
  const embedded = new EmbeddedPostgres({ dataDir, logger: silentLogger });
  try {
    await embedded.start(new AbortController().signal);
    return await connectAndDiagnose(config, embedded.connection, "embedded");
  } finally {
    await embedded.stop();
    dataDir.close();
  }
}

/** Its password is written before the cluster is made, and stays as long as the cluster. */
async function hasBeenMade(dataDir: string): Promise<boolean> {
  try {
    return (await Deno.stat(`${dataDir}/postgres-password`)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

async function connectAndDiagnose(
  config: Config,
  source: Parameters<typeof openDatabase>[0]["source"],
  what: string,
): Promise<CheckResult[]> {
  const { databaseConnectTimeoutMs: connectTimeoutMs, statementTimeoutMs } = config;
  const database = openDatabase({ source, poolSize: 1, connectTimeoutMs, statementTimeoutMs });
  try {
    return await diagnose(config, database, what);
  } finally {
    await database.close();
  }
}

async function diagnose(config: Config, database: Database, what: string): Promise<CheckResult[]> {
  try {
    const limitMs = 2 * config.databaseConnectTimeoutMs + STATEMENTS_LIMIT_MS;
    return judge(await within(diagnoseDatabase(database), limitMs), what);
  } catch (error) {
    return [failedBy(NAME, error, "Check DATABASE_URL and the database server."), skipped(MIGRATIONS, "no database")];
  }
}

export function judge(diagnosis: DatabaseDiagnosis, what: string): CheckResult[] {
  const { version, isRecentEnough, roundTripMs, hasOwnSessions, pending, newer } = diagnosis;
  return [
    ok(NAME, `${what}: answers in ${roundTripMs.toFixed(1)} ms`),
    isRecentEnough ? ok(VERSION, `PostgreSQL ${version}`) : failed(
      VERSION,
      `PostgreSQL ${version}; Greenroom needs ${OLDEST_SERVER} or newer`,
      "Upgrade the server, or unset DATABASE_URL to use the embedded one.",
    ),
    newer
      ? warned(
        MIGRATIONS,
        "the schema is newer than this program",
        "Fine during a roll-out; otherwise update this program.",
      )
      : pending > 0
      ? warned(MIGRATIONS, `${pending} to run`, "Run deno task migrate; a start runs them too.")
      : ok(MIGRATIONS, "up to date"),
    hasOwnSessions ? ok(SESSIONS, "each connection has its own") : failed(
      SESSIONS,
      "a connection pooler shares one server session among connections (transaction mode)",
      "Give DATABASE_URL a direct or session-mode connection; advisory locks and LISTEN need it.",
    ),
  ];
}
