/**
 * `deno task doctor`, and the same checks on the Settings page: looks at everything that a start needs, and says for each
 * problem the cause and the remedy.
 */
import type { Logger } from "../lifecycle/logger.ts";
import { checkAgents } from "./checks/agents_check.ts";
import { type CheckContext, type CheckResult, type CheckStatus, failedBy } from "./checks/check.ts";
import { checkDatabase } from "./checks/database_check.ts";
import { checkDataDir, type DataDirFindings } from "./checks/data_dir_check.ts";
import { checkLivekit } from "./checks/livekit_check.ts";
import { checkMemory } from "./checks/memory_check.ts";
import { checkPort } from "./checks/port_check.ts";
import { checkSettings } from "./checks/settings_check.ts";

export type { CheckResult, CheckStatus } from "./checks/check.ts";

export interface DoctorOptions extends CheckContext {
  /** Where the list goes. */
  logger: Logger;
}

const LABELS: Record<CheckStatus, string> = { ok: "ok", warn: "warning", failed: "FAILED", skipped: "skipped" };
const LEVELS = { ok: "info", skipped: "info", warn: "warn", failed: "error" } as const;
const LABEL_CHARS = 8;
const NAME_CHARS = 20;
const UNEXPECTED = "Report this message; the other checks are not affected.";

/** Prints every check as it is done. @returns the exit code: 1 when one failed, else 0. */
export async function runDoctor({ logger, ...context }: DoctorOptions): Promise<number> {
  const count: Record<CheckStatus, number> = { ok: 0, warn: 0, failed: 0, skipped: 0 };
  for await (const result of runChecks(context)) {
    count[result.status] += 1;
    logger[LEVELS[result.status]](formatCheck(result));
  }
  const summary = Object.entries(count).filter(([, n]) => n > 0).map(([status, n]) =>
    `${n} ${LABELS[status as CheckStatus].toLowerCase()}`
  );
  logger[count.failed > 0 ? "error" : "info"](`${summary.join(", ")}.`);
  return count.failed > 0 ? 1 : 0;
}

/** All checks, one after another; a check that breaks is a failed one. Never throws. */
export async function* runChecks(context: CheckContext): AsyncGenerator<CheckResult> {
  const { loaded: { config }, running } = context;
  const isOurs = running !== undefined;
  yield* await guarded("settings", () => checkSettings(context.loaded));
  let dataDir: DataDirFindings = { results: [], holder: null };
  yield* await guarded(
    "data directory",
    async () => (dataDir = await checkDataDir(config.dataDir, { isOurs })).results,
  );
  yield* await guarded("memory", checkMemory);
  yield* await guarded("port", () => checkPort(config, { isOurs }));
  const { holder } = dataDir;
  yield* await guarded("database", () => checkDatabase(config, { holder, running: running?.database ?? null }));
  yield* await guarded("LiveKit", () => checkLivekit(context));
  yield* await guarded("agents", () => checkAgents(context));
}

/** One line, and a second one with the remedy. */
export function formatCheck({ name, status, message, remedy }: CheckResult): string {
  const line = `${LABELS[status].padEnd(LABEL_CHARS)}${name.padEnd(NAME_CHARS)} ${message}`;
  return remedy === undefined ? line : `${line}\n${" ".repeat(LABEL_CHARS)}→ ${remedy}`;
}

async function guarded(name: string, check: () => CheckResult[] | Promise<CheckResult[]>): Promise<CheckResult[]> {
  try {
    return await check();
  } catch (error) {
    return [failedBy(name, error, UNEXPECTED)];
  }
}
