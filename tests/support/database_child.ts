/**
 * A process of its own for database tests; prints one JSON line per event.
 *   hold <data dir>                    owns the data directory and its database, inserts rows, and prints each row's id
 *                                      once it is committed; it runs until it is killed or told to stop by SIGTERM
 *   migrate <connection json> <folder> migrates that database
 */
import { openDataDir } from "../../core/lifecycle/data_dir.ts";
import { createLogger } from "../../core/lifecycle/logger.ts";
import { openDatabase } from "../../db/client.ts";
import { type DatabaseConnection, EmbeddedPostgres } from "../../db/embedded.ts";
import { migrateDatabase } from "../../db/migrate.ts";

const LIMITS = { poolSize: 4, connectTimeoutMs: 10_000, statementTimeoutMs: 15_000 };
const encoder = new TextEncoder();

function print(event: Record<string, unknown>): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(event)}\n`));
}

const logger = createLogger({
  level: "info",
  format: "json",
  write: (line) => print({ log: JSON.parse(line).message }),
});

async function hold(path: string): Promise<void> {
  const dataDir = await openDataDir(path);
  const server = new EmbeddedPostgres({ dataDir, logger });
  const stopping = new AbortController();
  Deno.addSignalListener("SIGTERM", () => stopping.abort());
  await server.start(stopping.signal);
  const database = openDatabase({ source: server.connection, ...LIMITS });
  await database.sql`create table if not exists written (id bigint generated always as identity, text text)`;
  print({ ready: true });
  const ended = server.run(stopping.signal);
  await Promise.all(Array.from({ length: LIMITS.poolSize }, async () => {
    while (!stopping.signal.aborted) {
      const [row] = await database.sql`insert into written (text) values (${"x".repeat(200)}) returning id::int`;
      print({ committed: row?.id });
    }
  })).catch((error) => stopping.signal.aborted ? null : Promise.reject(error));
  await ended;
  await database.close();
  dataDir.close();
}

async function migrate(connection: string, folder: string): Promise<void> {
  const database = openDatabase({ source: JSON.parse(connection) as DatabaseConnection, ...LIMITS });
  print(await migrateDatabase(database, logger, folder) as unknown as Record<string, unknown>);
  await database.close();
}

try {
  const [command, ...args] = Deno.args;
  if (command === "hold") await hold(args[0]!);
  else if (command === "migrate") await migrate(args[0]!, args[1]!);
  else throw new Error(`unknown command ${command}`);
} catch (error) {
  print({ failed: (error as Error).message, code: (error as { code?: string }).code });
  Deno.exit(1);
}
