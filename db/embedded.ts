/**
 * PostgreSQL started by us, for everybody who has no DATABASE_URL. It is reached by a unix socket in a directory that only
 * we can enter, with SCRAM and a random password; nothing listens on the network.
 *
 *   stopped ──start──▶ starting ──ready──▶ running ──stop, signal──▶ stopped
 *                          └──failed──▶ stopped    └──died: run throws──▶ stopped (the supervisor starts it again)
 *
 * Guaranteed: the server never outlives this process (guard.ts). Kill -9 at any moment loses no committed row and needs
 * no repair: a cluster half made is made anew (cluster.ts), a server on its way out is waited for (predecessor.ts), and
 * PostgreSQL replays its log. Two servers never share a cluster: the data directory is locked by its holder.
 */
import { join } from "node:path";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { DataDir } from "../core/lifecycle/data_dir.ts";
import type { Logger } from "../core/lifecycle/logger.ts";
import type { Service } from "../core/lifecycle/service.ts";
import { DatabaseError } from "./database_error.ts";
import { ensureRunnable, findPostgresPackage } from "./embedded/binaries.ts";
import { createCluster, hasCluster, SUPERUSER } from "./embedded/cluster.ts";
import { explainFileError } from "./embedded/failure.ts";
import { type Home, prepareHome } from "./embedded/home.ts";
import { outlivePredecessor } from "./embedded/predecessor.ts";
import { giveTo } from "./embedded/run_as.ts";
import { launchServer, type RunningServer, serverArguments } from "./embedded/server.ts";

/** The address of a database server on this machine. */
export interface DatabaseConnection {
  /** Directory of the unix socket. */
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

export interface EmbeddedPostgresOptions {
  dataDir: DataDir;
  logger: Logger;
  /** More settings (`-c name=value`); they win over ours. */
  settings?: Readonly<Record<string, string>>;
  /** False in tests only: initdb does not wait for the disk. */
  durable?: boolean;
  /** Where cluster and programs go when root's stand-in cannot reach them (home.ts). */
  sharedDir?: string;
  /** Limit of one start, replay of the log included. */
  startTimeoutMs?: number;
  /** After that, a stop is forced. */
  stopTimeoutMs?: number;
}

const PORT = 5432;
/** sun_path holds 107 bytes on Linux and 103 on macOS. */
const MAX_SOCKET_PATH_BYTES = 90;
const TEMPORARY_PREFIX = join(tmpdir(), "greenroom-");
const PREDECESSOR_TIMEOUT_MS = 10_000;

export class EmbeddedPostgres implements Service {
  readonly name = "embedded-postgres";
  readonly #options: Required<EmbeddedPostgresOptions>;
  #server: RunningServer | null = null;
  #socketDir: string | null = null;
  #password: string | null = null;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = {
      settings: {},
      durable: true,
      sharedDir: "/var/lib/greenroom",
      startTimeoutMs: 120_000,
      stopTimeoutMs: 10_000,
      ...options,
    };
  }

  /** Where to connect; stays the same through restarts. Throws before the first start. */
  get connection(): DatabaseConnection {
    if (this.#socketDir === null || this.#password === null) {
      throw new Error("Cannot give the connection: the embedded database has not been started");
    }
    const password = this.#password;
    return { host: this.#socketDir, port: PORT, user: SUPERUSER, password, database: "postgres" };
  }

  /** Resolves when the server accepts connections. Throws DatabaseError. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#server !== null) throw new Error("Cannot start the embedded database: it runs already");
    try {
      await this.#start(signal);
    } catch (error) {
      throw explainFileError(this.#options.dataDir.path, error);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const server = this.#server;
    if (server === null) throw new Error("Cannot run the embedded database: it has not been started");
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    await Promise.race([aborted.promise, server.exited]);
    signal.removeEventListener("abort", onAbort);
    if (signal.aborted) return await this.stop();
    if (this.#server !== server) return; // stop() was called.
    this.#server = null;
    throw new DatabaseError({
      code: "start_failed",
      message: `The embedded database ended unexpectedly: ${server.lastLines.slice(-3).join(" | ")}`,
      remedy: "It is started again by itself; if this repeats, see the lines above, and free memory.",
    });
  }

  /** Fast shutdown: connections are closed, everything is written, next start needs no replay. Safe to call twice. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) {
      const startedAt = performance.now();
      await server.stop(this.#options.stopTimeoutMs);
      this.#options.logger.info(`database: stopped in ${seconds(startedAt)}`);
    }
    if (this.#socketDir?.startsWith(TEMPORARY_PREFIX)) await rm(this.#socketDir, { recursive: true, force: true });
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { dataDir, logger, sharedDir, settings, startTimeoutMs } = this.#options;
    signal.throwIfAborted();
    const found = await findPostgresPackage();
    const home = await prepareHome(dataDir, sharedDir, logger);
    const { nativeDir, env } = await ensureRunnable(found, home.runAs, {
      linkDir: join(home.path, "lib"),
      sharedDir,
      onCopied: (to) => logger.info(`database: programs copied to ${to}, where uid ${home.runAs?.uid} can run them`),
    });
    await this.#ensureCluster(home, found.majorVersion, nativeDir, env, signal);
    const cluster = join(home.path, "cluster");
    if (await outlivePredecessor(cluster, PREDECESSOR_TIMEOUT_MS)) {
      logger.info("database: the server of an earlier process has ended");
    }
    const startedAt = performance.now();
    const socketDir = await this.#prepareSocketDir(home);
    const args = serverArguments(cluster, socketDir, PORT, settings);
    const program = join(nativeDir, "bin", "postgres");
    this.#server = await launchServer({ program, args, env, runAs: home.runAs, logger, startTimeoutMs }, signal);
    logger.info(`database: up in ${seconds(startedAt)} (PostgreSQL ${found.version})`);
  }

  async #ensureCluster(
    home: Home,
    majorVersion: number,
    nativeDir: string,
    env: Record<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { dataDir, logger, durable } = this.#options;
    const exists = await hasCluster(home.path, majorVersion);
    const password = await dataDir.secret("postgres-password", () => {
      if (exists) throw passwordLost(dataDir.path);
      return crypto.randomUUID().replaceAll("-", "");
    });
    this.#password = password;
    if (exists) return;
    logger.info("database: creating");
    const startedAt = performance.now();
    await createCluster({ home: home.path, nativeDir, env, runAs: home.runAs, password, durable }, signal);
    logger.info(`database: created in ${seconds(startedAt)} in ${home.path}`);
  }

  /** An empty directory of mode 700; chosen once, because the pool keeps the path through restarts. */
  async #prepareSocketDir(home: Home): Promise<string> {
    const preferred = join(home.path, "run");
    const noteFile = join(this.#options.dataDir.path, "postgres-socket");
    if (this.#socketDir === null) {
      const leftOver = (await readFile(noteFile, "utf8").catch(() => "")).trim();
      if (leftOver.startsWith(TEMPORARY_PREFIX)) await rm(leftOver, { recursive: true, force: true });
      const fits = new TextEncoder().encode(join(preferred, `.s.PGSQL.${PORT}`)).length <= MAX_SOCKET_PATH_BYTES;
      this.#socketDir = fits ? preferred : await mkdtemp(TEMPORARY_PREFIX);
      await writeFile(noteFile, `${this.#socketDir}\n`, { mode: 0o600 });
    }
    await rm(this.#socketDir, { recursive: true, force: true });
    await mkdir(this.#socketDir, { mode: 0o700 });
    await chmod(this.#socketDir, 0o700);
    await giveTo(this.#socketDir, home.runAs);
    return this.#socketDir;
  }
}

function passwordLost(dataDir: string): DatabaseError {
  return new DatabaseError({
    code: "password_lost",
    message: `The password of the embedded database is missing: ${join(dataDir, "postgres-password")}.`,
    remedy: "Restore that file from a backup; or move the database's directory away to begin with an empty one.",
  });
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(2)} s`;
}
