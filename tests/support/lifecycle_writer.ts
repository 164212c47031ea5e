/** A lifecycle writer with a spool in a temporary folder, running while `work` does. */
import { LifecycleWriter } from "../../core/coordination/lifecycle_writer.ts";
import { Spool } from "../../core/coordination/spool.ts";
import { isSingle, type SpooledChange } from "../../core/coordination/spooled_change.ts";
import { silentLogger } from "../../core/lifecycle/logger.ts";
import type { Database } from "../../db/client.ts";
import { applyJobChanges } from "../../db/job_changes.ts";

export interface WriterOptions {
  /** The spool's file; in a temporary folder of its own by default. */
  path?: string;
  maxBytes?: number;
  timeoutMs?: number;
}

export async function withWriter(
  database: Database,
  work: (writer: LifecycleWriter) => Promise<void>,
  { path, maxBytes = 1_000_000, timeoutMs = 5_000 }: WriterOptions = {},
): Promise<void> {
  const folder = path === undefined ? await Deno.makeTempDir({ prefix: "greenroom-spool-" }) : null;
  const spool = await Spool.open<SpooledChange>({ path: path ?? `${folder}/spool`, maxBytes, logger: silentLogger });
  const writer = new LifecycleWriter({ database, spool, timeoutMs, logger: silentLogger });
  const ending = new AbortController();
  const running = writer.run(ending.signal);
  try {
    await work(writer);
  } finally {
    ending.abort();
    await running;
    await spool.close();
    if (folder !== null) await Deno.remove(folder, { recursive: true });
  }
}

/** Writes each change by itself, in order: for tests of what is written, not of how. */
export function plainWriter(database: Database): Pick<LifecycleWriter, "write"> {
  let last: Promise<unknown> = Promise.resolve();
  return {
    write(change) {
      if (isSingle(change)) throw new Error("Cannot write this: this writer knows changes of jobs only");
      const written = last.then(() => applyJobChanges(database, [change]));
      last = written;
      return written.then(([isApplied]) => isApplied ? "written" : "refused");
    },
  };
}
