/** What the Settings page shows; types only, nothing of core or db reaches the browser. */
import type { EffectiveSetting } from "../../core/config/effective_settings.ts";
import type { CheckReport } from "../../core/services/check_runner.ts";
import type { StorageReport } from "../../core/services/storage_report.ts";
import type { AlertText } from "../Alert.tsx";

export type { CheckReport, EffectiveSetting, StorageReport };

/** In the order of the page's own navigation; each with the least role that sees it. */
export const VIEWS = [
  { view: "storage", title: "Storage and version", role: "viewer" },
  { view: "checks", title: "Checks", role: "operator" },
  { view: "configuration", title: "Configuration", role: "admin" },
  { view: "keys", title: "API keys", role: "admin" },
  { view: "audit", title: "Audit log", role: "admin" },
] as const;
export type View = typeof VIEWS[number]["view"];

export interface KeyRow {
  id: string;
  name: string;
  role: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
}

/** How a key has just been made; the key itself is shown this once. */
export interface MadeKey {
  name: string;
  role: string;
  key: string;
}

export interface KeysData {
  keys: KeyRow[];
  /** Where the admin key, which can't be revoked here, comes from. */
  adminKeyFrom: string;
  made: MadeKey | null;
  problem: AlertText | null;
}

export interface AuditEntry {
  id: string;
  at: string;
  actor: string;
  role: string | null;
  action: string;
  target: string | null;
  outcome: string;
  fields: Record<string, unknown> | null;
}

export interface AuditData {
  entries: AuditEntry[];
  nextCursor: string | null;
  isFirstPage: boolean;
}

export interface RetentionRow {
  what: string;
  kept: string;
  by: string;
}

export interface StorageData {
  storage: StorageReport;
  retention: RetentionRow[];
  facts: { name: string; value: string }[];
  startedAt: string;
}

export interface SettingsData {
  /** The views that this reader's role includes. */
  views: readonly { view: View; title: string }[];
  view: View;
  now: string;
  storage: StorageData | null;
  checks: { report: CheckReport | null } | null;
  settings: readonly EffectiveSetting[] | null;
  keys: KeysData | null;
  audit: AuditData | null;
}

export function settingsHref(view: View, more: Record<string, string> = {}): string {
  return `/settings?${new URLSearchParams({ view, ...more })}`;
}
