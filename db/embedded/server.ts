/** One run of the postgres program: its settings, its start, its end. */
import type { Logger } from "../../core/lifecycle/logger.ts";
import { explainOutput } from "./failure.ts";
import { type GuardedProcess, startGuarded } from "./guard.ts";
import type { RunAs } from "./run_as.ts";

/**
 * Small and quiet: no process that a single small server does not need (I/O workers, replication, parallel query), few
 * buffers. Commits stay synchronous and are flushed: what is recorded is recorded.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  max_connections: "40",
  shared_buffers: "32MB",
  huge_pages: "off",
  jit: "off",
  io_method: "sync",
  max_parallel_workers_per_gather: "0",
  max_parallel_maintenance_workers: "0",
  max_worker_processes: "2",
  max_logical_replication_workers: "0",
  max_wal_senders: "0",
  wal_level: "minimal",
  max_wal_size: "256MB",
  min_wal_size: "64MB",
  autovacuum_max_workers: "1",
  timezone: "UTC",
  log_timezone: "UTC",
  // Only the server's own events: an error of a statement goes to the client, and its text may hold user data.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_line_prefix: "",
};

export function serverArguments(
  cluster: string,
  socketDir: string,
  port: number,
  more: Readonly<Record<string, string>>,
): string[] {
  const settings = { ...SETTINGS, unix_socket_directories: socketDir, port: String(port), ...more };
  return ["-D", cluster, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

export interface RunningServer {
  readonly exited: Promise<{ code: number }>;
  readonly lastLines: readonly string[];
  /** Fast shutdown, forced after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

export interface LaunchOptions {
  program: string;
  args: string[];
  env: Record<string, string>;
  runAs: RunAs | null;
  logger: Logger;
  startTimeoutMs: number;
}

const READY = "database system is ready to accept connections";
const LOCKED = 'lock file "postmaster.pid" already exists';
const LOCKED_PATIENCE_MS = 10_000;
const LOCKED_RETRY_MS = 250;

/**
 * Resolves when the server accepts connections. A server that refuses because of a lock file (its predecessor is just
 * ending) is tried again for 10 s.
 */
export async function launchServer(options: LaunchOptions, signal: AbortSignal): Promise<RunningServer> {
  const startedAt = performance.now();
  for (;;) {
    const outcome = await launchOnce(options, signal);
    if (outcome.kind === "ready") return outcome.server;
    signal.throwIfAborted();
    const locked = outcome.lines.some((line) => line.includes(LOCKED));
    if (!locked || performance.now() - startedAt > LOCKED_PATIENCE_MS) {
      throw explainOutput("The database cannot be started", outcome.lines);
    }
    await new Promise((resolve) => setTimeout(resolve, LOCKED_RETRY_MS));
  }
}

type LaunchOutcome = { kind: "ready"; server: RunningServer } | { kind: "ended"; lines: readonly string[] };

async function launchOnce(options: LaunchOptions, signal: AbortSignal): Promise<LaunchOutcome> {
  signal.throwIfAborted();
  const ready = Promise.withResolvers<void>();
  const child = startGuarded(options.program, options.args, {
    runAs: options.runAs,
    env: options.env,
    onLine: (line) => {
      if (line.includes(READY)) ready.resolve();
      log(options.logger, line);
    },
  });
  const giveUp = () => void child.abandon();
  const timer = setTimeout(giveUp, options.startTimeoutMs);
  signal.addEventListener("abort", giveUp, { once: true });
  const first = await Promise.race([ready.promise.then(() => "ready"), child.exited.then(() => "ended")]);
  clearTimeout(timer);
  signal.removeEventListener("abort", giveUp);
  if (first === "ended") return { kind: "ended", lines: child.lastLines };
  if (signal.aborted) {
    await child.exited;
    return { kind: "ended", lines: child.lastLines };
  }
  return { kind: "ready", server: runningServer(child) };
}

function runningServer(child: GuardedProcess): RunningServer {
  return {
    exited: child.exited,
    lastLines: child.lastLines,
    async stop(timeoutMs) {
      child.interrupt();
      const timer = setTimeout(() => void child.abandon(), timeoutMs);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

function log(logger: Logger, line: string): void {
  const text = `database: ${line.trim()}`;
  if (/^(FATAL|PANIC|WARNING)/.test(line)) logger.warn(text);
  else logger.debug(text);
}
