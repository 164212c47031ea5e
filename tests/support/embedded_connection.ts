/** The embedded database of a program that runs, for tests and benchmarks that put rows there or look at them. */
import { join } from "node:path";
import type { DatabaseConnection } from "../../db/embedded.ts";

export async function embeddedConnection(dataDir: string): Promise<DatabaseConnection> {
  const read = async (name: string) => (await Deno.readTextFile(join(dataDir, name))).trim();
  const [host, password] = await Promise.all([read("postgres-socket"), read("postgres-password")]);
  return { host, port: 5432, user: "greenroom", password, database: "postgres" };
}
