/** What the Settings page shows of one of its views. */
import type { AlertText } from "../../components/Alert.tsx";
import { bytes, duration } from "../../components/format.ts";
import {
  type AuditData,
  type KeysData,
  type MadeKey,
  type SettingsData,
  type StorageData,
  type View,
  VIEWS,
} from "../../components/settings/types.ts";
import { MAX_KEYS } from "../../core/auth/api_keys.ts";
import { includesRole } from "../../core/auth/principal.ts";
import { VERSION } from "../../core/config/version.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { KEEP_MS } from "../../core/telemetry/sampler.ts";
import { listApiKeys } from "../../db/api_keys.ts";
import { listAuditRows } from "../../db/audit_log.ts";
import { decodeCursor } from "../../db/page.ts";
import type { State } from "./define.ts";
import { keyView } from "./key_views.ts";
import { nextCursor } from "./list.ts";
import { partsOf } from "./parts.ts";

const AUDIT_PAGE = 50;
const DAY_MS = 86_400_000;

export async function settingsData(
  state: State,
  { view, cursor, made = null, problem = null }: {
    view: View;
    cursor: string | null;
    made?: MadeKey | null;
    problem?: AlertText | null;
  },
): Promise<SettingsData> {
  const parts = partsOf(state);
  const role = state.principal?.role ?? "viewer";
  return {
    views: VIEWS.filter((each) => includesRole(role, each.role)).map(({ view, title }) => ({ view, title })),
    view,
    now: new Date().toISOString(),
    storage: view === "storage" ? await storageData(state, parts) : null,
    checks: view === "checks" ? { report: parts.checks.latest } : null,
    settings: view === "configuration" ? parts.settings : null,
    keys: view === "keys" ? { ...await keysData(parts), made, problem } : null,
    audit: view === "audit" ? await auditData(state, parts, cursor) : null,
  };
}

async function storageData({ controlPlane }: State, parts: Parts): Promise<StorageData> {
  const { config, livekit } = parts;
  const days = (count: number) => count === 1 ? "1 day" : `${count} days`;
  const byDays = { kept: days(config.retentionDays), by: "GREENROOM_RETENTION_DAYS" };
  return {
    storage: await parts.storage.read(),
    retention: [
      { what: "dispatches and jobs", kept: "for ever", by: "history of every promise" },
      { what: "state history", ...byDays },
      { what: "job logs", ...byDays },
      { what: "traces", ...byDays },
      ...([[5, "every 5 s"], [60, "by the minute"], [3_600, "by the hour"]] as const).map(([tier, words]) => ({
        what: `metrics, ${words}`,
        kept: days(KEEP_MS[tier] / DAY_MS),
        by: "fixed",
      })),
      { what: "audit log and keys", kept: "for ever", by: "who did what" },
      { what: "sessions", kept: duration(config.sessionMaxMs), by: "GREENROOM_SESSION_MAX_MS" },
    ],
    facts: [
      { name: "Version", value: `Greenroom ${VERSION}, Deno ${Deno.version.deno}` },
      { name: "Instance", value: parts.instanceId },
      {
        name: "LiveKit",
        value: livekit.name === "local" ? "a local server of ours" : livekit.url.replace(/\/\/[^/@]*@/, "//"),
      },
      { name: "Database", value: config.databaseUrl === null ? "embedded PostgreSQL" : "PostgreSQL at DATABASE_URL" },
      { name: "Memory", value: `${bytes(Deno.memoryUsage().rss)} of this process` },
    ],
    startedAt: controlPlane.startedAt.toISOString(),
  };
}

async function keysData({ database, settings }: Parts): Promise<Pick<KeysData, "keys" | "adminKeyFrom">> {
  const rows = await listApiKeys(database, MAX_KEYS);
  const admin = settings.find(({ name }) => name === "apiKey");
  return { keys: rows.map(keyView), adminKeyFrom: admin?.note ?? "GREENROOM_API_KEY" };
}

async function auditData(
  { controlPlane }: State,
  { database }: Parts,
  cursorText: string | null,
): Promise<AuditData> {
  const cursor = cursorText === null ? null : decodeCursor(cursorText);
  await controlPlane.auth.audit.flush();
  const rows = await listAuditRows(database, { limit: AUDIT_PAGE, cursor });
  return {
    entries: rows.map(({ at, fields, ...row }) => ({
      ...row,
      at: at.toISOString(),
      fields: fields as Record<string, unknown> | null,
    })),
    nextCursor: nextCursor(rows.map(({ id, at }) => ({ id, createdAt: at })), AUDIT_PAGE),
    isFirstPage: cursor === null,
  };
}
