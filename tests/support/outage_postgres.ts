/**
 * A real PostgreSQL of its own, reached by TCP as a fleet's is, for tests that take it away: frozen (a host that has gone
 * silent: connections stay and nothing answers), crashed (kill -9: refused), or restarted (all locks are freed at once).
 */
import { openDataDir } from "../../core/lifecycle/data_dir.ts";
import { silentLogger } from "../../core/lifecycle/logger.ts";
import { type Database, openDatabase } from "../../db/client.ts";
import { EmbeddedPostgres } from "../../db/embedded.ts";
import { processesOf } from "./database_processes.ts";
import { copyClusterOfRun, makeTestDir } from "./test_dir.ts";

export interface OutagePostgres extends AsyncDisposable {
  /** For DATABASE_URL. */
  readonly url: string;
  readonly port: number;
  /** Stops all of its processes: nothing answers, nothing is refused. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Kills all of its processes; it stays down until `start`. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Shuts down cleanly, and starts again. */
  restart(): Promise<void>;
  /** A client for looking at rows; close it. */
  open(): Database;
}

const NEVER = new AbortController().signal;

export async function startOutagePostgres(): Promise<OutagePostgres> {
  const path = await makeTestDir();
  await copyClusterOfRun(path);
  const dataDir = await openDataDir(path);
  const port = freePort();
  const server = new EmbeddedPostgres({
    dataDir,
    logger: silentLogger,
    // No power cut is played, so nothing need reach a disk.
    settings: { listen_addresses: "127.0.0.1", port: String(port), max_connections: "100", fsync: "off" },
    durable: false,
  });
  await server.start(NEVER);
  const { user, password, database } = server.connection;
  const url = `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const signalAll = async (signal: Deno.Signal) => {
    for (const { pid, command } of await processesOf(path)) if (isServer(command)) signalOne(pid, signal);
  };
  let isFrozen = false;
  const thaw = async () => {
    if (isFrozen) await signalAll("SIGCONT");
    isFrozen = false;
  };
  return {
    url,
    port,
    async freeze() {
      isFrozen = true;
      await signalAll("SIGSTOP");
    },
    thaw,
    async crash() {
      await signalAll("SIGKILL");
      await server.stop();
    },
    start: () => server.start(NEVER),
    async restart() {
      await server.stop();
      await server.start(NEVER);
    },
    open: () => openDatabase({ source: url, poolSize: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 }),
    async [Symbol.asyncDispose]() {
      await thaw();
      await server.stop();
      dataDir.close();
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** A relay to it that holds every message of the client back for `delayMs`: what a slow database looks like. */
export function slowRelayTo(port: number, delayMs: number): { port: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const relays = new Set<Promise<unknown>>();
  const serving = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      open.add(client).add(server);
      const late = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        async transform(bytes, controller) {
          await new Promise((resolve) => setTimeout(resolve, delayMs));
          controller.enqueue(bytes);
        },
      });
      const both = [
        client.readable.pipeThrough(late).pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ];
      // Whoever is killed or stopped cuts its connection.
      const relay = Promise.allSettled(both).then(() => {
        open.delete(client);
        open.delete(server);
        relays.delete(relay);
      });
      relays.add(relay);
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) closeOnce(connection);
      await Promise.allSettled([serving, ...relays]);
    },
  };
}

/** Not the guard, which ends with it. */
function isServer(command: string): boolean {
  return !command.startsWith("/bin/sh");
}

function signalOne(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // It ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function closeOnce(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
