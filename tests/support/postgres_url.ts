/** A fresh database of a real PostgreSQL that programs reach by DATABASE_URL, as a fleet's database is reached. */
import { join } from "node:path";
import type { DatabaseConnection } from "../../db/embedded.ts";
import { startTestPostgres } from "./postgres.ts";

export interface PostgresByUrl extends AsyncDisposable {
  url: string;
}

export async function startPostgresByUrl(): Promise<PostgresByUrl> {
  const postgres = await startTestPostgres();
  const { connection, drop } = await postgres.createTestDatabase();
  const relay = relayTo(connection);
  const { user, password, database } = connection;
  return {
    url: `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${relay.port}/${database}`,
    async [Symbol.asyncDispose]() {
      await relay.close();
      await drop();
      await postgres.stop();
    },
  };
}

/** The test server listens on a unix socket only. */
function relayTo({ host, port }: DatabaseConnection): { port: number; close(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const relays = new Set<Promise<unknown>>();
  const serve = async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ transport: "unix", path: join(host, `.s.PGSQL.${port}`) });
      open.add(client).add(server);
      const both = [client.readable.pipeTo(server.writable), server.readable.pipeTo(client.writable)];
      // A client that is killed cuts its connection: that is what it is for.
      const relay = Promise.allSettled(both).then(() => {
        open.delete(client);
        open.delete(server);
        relays.delete(relay);
      });
      relays.add(relay);
    }
  };
  const serving = serve();
  return {
    port: listener.addr.port,
    async close() {
      listener.close();
      for (const connection of open) closed(connection);
      await Promise.allSettled([serving, ...relays]);
    },
  };
}

function closed(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
