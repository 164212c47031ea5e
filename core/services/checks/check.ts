/** What a check of `doctor` is: it looks at one thing, changes nothing, and says the cause and the remedy. */
import type { Database } from "../../../db/client.ts";
import type { LoadedConfig } from "../../config/config.ts";
import { settlesWithin } from "../../lifecycle/supervisor.ts";
import type { LivekitServer } from "../../livekit/livekit_server.ts";
import type { AgentSnapshot } from "../../runtime/agent_catalog.ts";
import type { ReadEnv } from "../../runtime/child_permissions.ts";

export type CheckStatus = "ok" | "warn" | "failed" | "skipped";

export interface CheckResult {
  /** What was looked at, in plain words. */
  name: string;
  status: CheckStatus;
  message: string;
  remedy?: string;
}

export interface CheckContext {
  loaded: LoadedConfig;
  /** Folder of deno.json. */
  projectDir: string;
  readEnv: ReadEnv;
  /** Given inside a running program: checks look at what it has, not at what a start would take. */
  running?: RunningParts;
}

/** What a running program has of the things that are checked. */
export interface RunningParts {
  database: Database;
  livekit: LivekitServer;
  agents: () => AgentSnapshot[];
}

export function ok(name: string, message: string): CheckResult {
  return { name, status: "ok", message };
}

export function skipped(name: string, message: string): CheckResult {
  return { name, status: "skipped", message };
}

export function warned(name: string, message: string, remedy: string): CheckResult {
  return { name, status: "warn", message, remedy };
}

export function failed(name: string, message: string, remedy: string): CheckResult {
  return { name, status: "failed", message, remedy };
}

/** A failed result from an exception; errors that know a remedy keep it. */
export function failedBy(name: string, error: unknown, remedy: string): CheckResult {
  const own = (error as { remedy?: unknown } | null)?.remedy;
  const message = error instanceof Error ? error.message : String(error);
  return failed(name, message, typeof own === "string" ? own : remedy);
}

/** `work`, or an error when it takes longer than `limitMs`. */
export async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  if (!await settlesWithin(work, limitMs)) throw new Error(`There was no answer within ${limitMs} ms.`);
  return await work;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** "512 MiB", "1.5 GiB". */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${UNITS[power]}`;
}
