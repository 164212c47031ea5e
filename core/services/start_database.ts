/** Brings the database up: embedded or DATABASE_URL, connected, migrated, partitions made. */
import { type Database, openDatabase, waitForDatabase } from "../../db/client.ts";
import { EmbeddedPostgres } from "../../db/embedded.ts";
import { migrateDatabase } from "../../db/migrate.ts";
import { maintainPartitions } from "../../db/partitions.ts";
import type { Config } from "../config/settings.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import { type Supervisor, untilAborted } from "../lifecycle/supervisor.ts";

const CONNECT_WITHIN_MS = 30_000;
const PARTITIONS_EVERY_MS = 3_600_000;
/** Connections for pages and lists, besides the pool's: a page asks for a few things at once. */
const READ_POOL_SIZE = 4;

export async function startDatabase(
  { config, dataDir, supervisor, logger, signal }: {
    config: Config;
    dataDir: DataDir;
    supervisor: Supervisor;
    logger: Logger;
    signal: AbortSignal;
  },
): Promise<Database> {
  const embedded = config.databaseUrl === null ? new EmbeddedPostgres({ dataDir, logger }) : null;
  if (embedded) await supervisor.add(embedded);
  const database = openDatabase({
    source: config.databaseUrl ?? embedded!.connection,
    poolSize: config.databasePoolSize,
    connectTimeoutMs: config.databaseConnectTimeoutMs,
    statementTimeoutMs: config.statementTimeoutMs,
    reads: { poolSize: READ_POOL_SIZE, statementTimeoutMs: config.readTimeoutMs },
  });
  // As a service, so that the pool is closed before the embedded server stops.
  await supervisor.add({
    name: "database-pool",
    async run(stopping) {
      await untilAborted(stopping);
      await database.close();
    },
  });
  await waitForDatabase(database, { signal, withinMs: CONNECT_WITHIN_MS, logger });
  await migrateDatabase(database, logger);
  await maintainPartitions(database, new Date(), config.retentionDays);
  await database.warm();
  await supervisor.add({
    name: "partitions",
    run: (stopping) =>
      runEvery({
        everyMs: PARTITIONS_EVERY_MS,
        signal: stopping,
        task: async () => {
          const dropped = await maintainPartitions(database, new Date(), config.retentionDays);
          if (dropped.length > 0) logger.info("dropped old partitions", { dropped });
        },
        onError: (error) => logger.error("could not maintain partitions; trying again in an hour", { error }),
      }),
  });
  return database;
}
