/**
 * The audit log's writer: every write that someone asked for, and every refused one.
 *
 * Entries are gathered and written every FLUSH_EVERY_MS, so that no request waits for them; a batch that can't be written
 * is kept and tried again. At most MAX_BUFFERED are kept while the database is away; beyond that the oldest are dropped and
 * counted in the log. A kill -9 may lose the last FLUSH_EVERY_MS.
 */
import { type AuditRow, insertAuditRows } from "../../db/audit_log.ts";
import type { Database } from "../../db/client.ts";
import type { Role } from "../../db/schema/states.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";

const FLUSH_EVERY_MS = 200;
const BATCH_ROWS = 500;
const MAX_BUFFERED = 10_000;
const MAX_TEXT_CHARS = 300;

export interface AuditEntry {
  /** "rest:<key name>", "dashboard:<name>" or "anonymous". */
  actor: string;
  role: Role | null;
  /** e.g. "dispatch.create", "sign_in". */
  action: string;
  target: string | null;
  outcome: "ok" | "refused" | "failed";
  /** Never a secret, never a body. */
  fields?: Record<string, string | number | null>;
}

export class AuditTrail {
  readonly #logger: Logger;
  #database: Database | null = null;
  #buffer: AuditRow[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #dropped = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  attach(database: Database): void {
    this.#database = database;
  }

  add(entry: AuditEntry, at = new Date()): void {
    const { actor, role, action, outcome, fields } = entry;
    const target = entry.target?.slice(0, MAX_TEXT_CHARS) ?? null;
    this.#buffer.push({ id: uuidv7(), at, actor, role, action, target, outcome, fields: fields ?? null });
    if (this.#buffer.length <= MAX_BUFFERED) return;
    this.#buffer.shift();
    this.#dropped += 1;
  }

  /** Writes until `signal` aborts, and what is left then. */
  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#logger.error("audit log flush failed", { error });
    const task = () => this.#buffer.length > 0 ? this.flush() : undefined;
    await runEvery({ everyMs: FLUSH_EVERY_MS, signal, task, onError });
    await this.flush();
  }

  /** Writes what is buffered. Never rejects: what can't be written is kept. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flushBatches()).catch((error) => {
      this.#logger.warn("could not write the audit log; it is kept and tried again", {
        error,
        buffered: this.#buffer.length,
        dropped: this.#dropped,
      });
    });
    return this.#flushing;
  }

  async #flushBatches(): Promise<void> {
    while (this.#database !== null && this.#buffer.length > 0) {
      const batch = this.#buffer.slice(0, BATCH_ROWS);
      await insertAuditRows(this.#database, batch);
      const written = new Set(batch);
      // Not by count: the oldest may have been dropped meanwhile.
      this.#buffer = this.#buffer.filter((row) => !written.has(row));
    }
    if (this.#dropped === 0) return;
    this.#logger.error("entries of the audit log were dropped while the database was away", { dropped: this.#dropped });
    this.#dropped = 0;
  }
}
