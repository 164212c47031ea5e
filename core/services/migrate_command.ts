/** `deno task migrate`: brings the schema up to date and ends; for deployments that migrate before they roll out. */
import type { LoadedConfig } from "../config/config.ts";
import { openDataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { Supervisor } from "../lifecycle/supervisor.ts";
import { startDatabase } from "./start_database.ts";

const STOP_TIMEOUT_MS = 12_000;

/** @returns the exit code. Throws what the database throws, with a remedy. */
export async function runMigrate({ loaded, logger }: { loaded: LoadedConfig; logger: Logger }): Promise<number> {
  const dataDir = await openDataDir(loaded.config.dataDir);
  const supervisor = new Supervisor({ logger, stopTimeoutMs: STOP_TIMEOUT_MS });
  try {
    await startDatabase({ config: loaded.config, dataDir, supervisor, logger, signal: new AbortController().signal });
    return 0;
  } finally {
    await supervisor.stop();
    dataDir.close();
  }
}
