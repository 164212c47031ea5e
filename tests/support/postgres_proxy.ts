/**
 * Stands between a client and a real PostgreSQL, to misbehave on purpose: refuses and cuts connections (the database is
 * away), or lets a statement through and keeps its answer (a lost acknowledgement). It reads just enough of the protocol
 * to find the end of an answer: frames of a type byte and a length (postgresql.org, "Message Formats").
 */
import { join } from "node:path";
import { type Database, openDatabase } from "../../db/client.ts";
import type { DatabaseConnection } from "../../db/embedded.ts";
import { eventually } from "./eventually.ts";

export interface PostgresProxy extends AsyncDisposable {
  /** Where clients connect. */
  readonly connection: DatabaseConnection;
  /** Cuts all connections and refuses new ones, until `restore`. */
  refuse(): void;
  restore(): void;
  /**
   * The next statement that completes with this tag ("UPDATE", "SELECT", …) on whatever connection is applied, but its
   * answer is dropped and the connection cut; after `skip` such statements. Resolves when that has happened.
   */
  loseAnswer(tag: string, skip?: number): Promise<void>;
  /** The same, but the connection stays, and nothing more comes on it. */
  keepAnswer(tag: string): Promise<void>;
}

const COMMAND_COMPLETE = "C".charCodeAt(0);
const READY_FOR_QUERY = "Z".charCodeAt(0);
const HEADER_BYTES = 5;

interface Loss {
  tag: string;
  skip: number;
  isCut: boolean;
  happened: PromiseWithResolvers<void>;
}

/** Runs `work` with a client of one connection that goes through a proxy. */
export async function withProxiedDatabase(
  target: DatabaseConnection,
  work: (database: Database, proxy: PostgresProxy) => Promise<void>,
): Promise<void> {
  await using proxy = await startPostgresProxy(target);
  const limits = { poolSize: 1, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 };
  const database = openDatabase({ source: proxy.connection, ...limits });
  try {
    await database.warm();
    await work(database, proxy);
  } finally {
    proxy.restore();
    // The driver ends a connection whose last attempt failed only after a time-out.
    await eventually(() => database.warm().then(() => true));
    await database.close();
  }
}

export async function startPostgresProxy(target: DatabaseConnection): Promise<PostgresProxy> {
  const host = await Deno.makeTempDir({ prefix: "greenroom-proxy-" });
  const socket = (directory: string) => ({
    transport: "unix" as const,
    path: join(directory, `.s.PGSQL.${target.port}`),
  });
  const listener = Deno.listen(socket(host));
  const open = new Set<Deno.Conn>();
  const relays = new Set<Promise<void>>();
  let isRefusing = false;
  let loss: Loss | null = null;

  async function relay(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect(socket(target.host));
    const both = [client, server];
    for (const end of both) open.add(end);
    const cut = () => {
      for (const end of both) if (open.delete(end)) end.close();
    };
    await Promise.all([
      copy(client, (bytes) => writeAll(server, bytes)).finally(cut),
      copy(server, answersTo(client, cut)).finally(cut),
    ]);
  }

  /** Passes whole frames on; from the completion of the statement that is to be lost, nothing more. */
  function answersTo(client: Deno.Conn, cut: () => void): (bytes: Uint8Array) => Promise<void> {
    let rest: Uint8Array<ArrayBufferLike> = new Uint8Array();
    let losing: Loss | null = null;
    return async (bytes) => {
      rest = joined(rest, bytes);
      for (let frame = firstFrame(rest); frame; frame = firstFrame(rest)) {
        rest = rest.slice(frame.length);
        if (loss && frame[0] === COMMAND_COMPLETE && tagOf(frame).startsWith(loss.tag) && loss.skip-- === 0) {
          losing = loss;
          loss = null;
        }
        if (!losing) await writeAll(client, frame);
        else if (frame[0] === READY_FOR_QUERY) { // only now it is committed
          if (losing.isCut) cut();
          losing.happened.resolve();
        }
      }
    };
  }

  const accepting = (async () => {
    for await (const client of listener) {
      if (isRefusing) {
        client.close();
        continue;
      }
      const running: Promise<void> = relay(client).catch(ignoreEnd).finally(() => relays.delete(running));
      relays.add(running);
    }
  })();
  const refuse = () => {
    isRefusing = true;
    for (const end of [...open]) if (open.delete(end)) end.close();
  };
  return {
    connection: { ...target, host },
    refuse,
    restore: () => void (isRefusing = false),
    loseAnswer(tag, skip = 0) {
      loss = { tag, skip, isCut: true, happened: Promise.withResolvers<void>() };
      return loss.happened.promise;
    },
    keepAnswer(tag) {
      loss = { tag, skip: 0, isCut: false, happened: Promise.withResolvers<void>() };
      return loss.happened.promise;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      refuse();
      await Promise.all([accepting, ...relays]);
      await Deno.remove(host, { recursive: true });
    },
  };
}

async function copy(from: Deno.Conn, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let length = await from.read(buffer); length !== null; length = await from.read(buffer)) {
      await take(buffer.slice(0, length));
    }
  } catch (error) {
    ignoreEnd(error);
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await to.write(bytes.subarray(written));
}

/** Connections end in the middle of something here, by intention. */
function ignoreEnd(error: unknown): void {
  const { BadResource, BrokenPipe, ConnectionReset, Interrupted, NotFound, ConnectionRefused } = Deno.errors;
  const ends = [BadResource, BrokenPipe, ConnectionReset, Interrupted, NotFound, ConnectionRefused];
  if (!ends.some((kind) => error instanceof kind)) throw error;
}

function firstFrame(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < HEADER_BYTES) return null;
  const length = 1 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  return bytes.length < length ? null : bytes.slice(0, length);
}

function tagOf(frame: Uint8Array): string {
  return new TextDecoder().decode(frame.subarray(HEADER_BYTES));
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
