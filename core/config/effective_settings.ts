/** What every setting is, and where that comes from, for the Settings page and REST. No secret leaves here. */
import type { LoadedConfig } from "./config.ts";
import { type Setting, type SettingName, SETTINGS } from "./settings.ts";

/** environment: a variable; default: the table's; made: the program made or found it itself, because nothing was set. */
export type SettingSource = "environment" | "default" | "made";

export interface EffectiveSetting {
  name: string;
  env: string;
  /** As text; null: it has none, or it is a secret. */
  value: string | null;
  source: SettingSource;
  /** A secret's value is never here: whether it has one, `isSet` tells. */
  isSecret: boolean;
  isSet: boolean;
  /** Where a made value comes from, in words. */
  note: string | null;
  unit: string;
  meaning: string;
}

/** What the program made itself in place of a setting without value. `value` null: a secret. */
export type MadeSettings = Partial<Record<SettingName, { value: string | null; note: string }>>;

/** In the order of the table. */
export function effectiveSettings({ config, sources }: LoadedConfig, made: MadeSettings): EffectiveSetting[] {
  return (Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]).map(([name, entry]) => {
    const own = sources[name] === "default" ? made[name] : undefined;
    const value = own ? own.value : config[name];
    return {
      name,
      env: entry.env,
      value: entry.secret || value === null ? null : withoutPassword(textOf(value)),
      source: own ? "made" : sources[name],
      isSecret: entry.secret,
      isSet: own !== undefined || value !== null,
      note: own?.note ?? null,
      unit: entry.unit,
      meaning: entry.meaning,
    };
  });
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** A URL may carry a name and a password. */
function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1…@");
}
