/**
 * How much room this installation takes: tables by kind, the data directory, and what is free. Read at most every FRESH_MS
 * however many look: sizes of many files are not free.
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "../../db/client.ts";
import { databaseBytes, listTableSizes, type TableSize } from "../../db/storage.ts";

const FRESH_MS = 30_000;
/** Files that are looked at in the data directory; with more the size is "at least". */
const MAX_FILES = 50_000;

/** Which tables hold what; the rest is "other". */
const KINDS: Record<string, readonly string[]> = {
  "dispatches and jobs": ["dispatches", "jobs", "job_details", "idempotency_keys", "placement_decisions"],
  "state history": ["transitions"],
  "job logs": ["job_logs"],
  traces: ["spans"],
  metrics: ["metric_points"],
  recovery: ["checkpoints", "losses", "bulk_operations", "bulk_items", "breakers"],
  "sign-in and audit": ["api_keys", "sessions", "audit_log"],
};

export interface StorageKind {
  kind: string;
  bytes: number;
  /** Null: not known yet. */
  estimatedRows: number | null;
}

export interface StorageReport {
  at: string;
  databaseBytes: number;
  kinds: StorageKind[];
  dataDir: { path: string; bytes: number; isAtLeast: boolean; freeBytes: number };
}

export class StorageReader {
  readonly #database: Database;
  readonly #dataDir: string;
  #latest: { report: Promise<StorageReport>; readAtMs: number } | null = null;

  constructor({ database, dataDir }: { database: Database; dataDir: string }) {
    this.#database = database;
    this.#dataDir = dataDir;
  }

  /** At most FRESH_MS old. Throws when the database or the directory can't be read. */
  read(): Promise<StorageReport> {
    if (this.#latest && performance.now() - this.#latest.readAtMs < FRESH_MS) return this.#latest.report;
    const latest = { report: this.#read(), readAtMs: performance.now() };
    this.#latest = latest;
    // A failure is told to those who asked for it, and not kept.
    latest.report.catch(() => this.#latest === latest && (this.#latest = null));
    return latest.report;
  }

  async #read(): Promise<StorageReport> {
    const [tables, total, files, { bavail, bsize }] = await Promise.all([
      listTableSizes(this.#database),
      databaseBytes(this.#database),
      directorySize(this.#dataDir, MAX_FILES),
      statfs(this.#dataDir),
    ]);
    return {
      at: new Date().toISOString(),
      databaseBytes: total,
      kinds: byKind(tables),
      dataDir: { path: this.#dataDir, ...files, freeBytes: bavail * bsize },
    };
  }
}

/** The largest first. */
export function byKind(tables: readonly TableSize[]): StorageKind[] {
  const kindOf = new Map(Object.entries(KINDS).flatMap(([kind, names]) => names.map((name) => [name, kind] as const)));
  const kinds = new Map<string, StorageKind>();
  for (const { table, bytes, estimatedRows } of tables) {
    const kind = kindOf.get(table) ?? "other";
    const sum = kinds.get(kind) ?? { kind, bytes: 0, estimatedRows: null };
    sum.bytes += bytes;
    if (estimatedRows !== null) sum.estimatedRows = (sum.estimatedRows ?? 0) + estimatedRows;
    kinds.set(kind, sum);
  }
  return [...kinds.values()].sort((a, b) => b.bytes - a.bytes);
}

/** Bytes of all files below `root`, links not followed. What vanishes meanwhile, or is not ours to look at, is left out. */
export async function directorySize(root: string, maxFiles: number): Promise<{ bytes: number; isAtLeast: boolean }> {
  let bytes = 0;
  let files = 0;
  let isAtLeast = false;
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for await (const entry of Deno.readDir(folder)) {
        if (files >= maxFiles) return { bytes, isAtLeast: true };
        const path = join(folder, entry.name);
        if (entry.isDirectory) folders.push(path);
        if (!entry.isFile) continue;
        files += 1;
        bytes += (await Deno.lstat(path)).size;
      }
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      isAtLeast = true;
    }
  }
  return { bytes, isAtLeast };
}
