/**
 * README's table of settings, made from the settings table. `deno run -A tests/support/settings_table.ts` writes it into
 * README.md between its markers; tests/readme_test.ts checks that it is there as it should be.
 */
import { join } from "node:path";
import { type Setting, SETTINGS } from "../../core/config/settings.ts";

export const README_PATH = join(import.meta.dirname ?? "", "..", "..", "README.md");
const BEGIN = "<!-- settings -->";
const END = "<!-- /settings -->";

/** A markdown table: one row per setting, in the order of settings.ts. */
export function settingsTable(): string {
  const rows = (Object.values(SETTINGS) as Setting<unknown>[]).map((setting) =>
    `| \`${setting.env}\` | ${shownDefault(setting)} | ${setting.meaning} |`
  );
  return ["| Variable | Default | Meaning |", "|---|---|---|", ...rows].join("\n");
}

function shownDefault({ default: value, unit }: Setting<unknown>): string {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "`1`" : "`0`";
  const shown = `\`${value}\``;
  return unit === "" ? shown : `${shown} ${unit}`;
}

/** What stands between the markers, without the line breaks around it; null when a marker is missing. */
export function settingsSection(readme: string): string | null {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  return begin === -1 || end < begin ? null : readme.slice(begin + BEGIN.length, end).trim();
}

/** The text with a new table between its markers. Throws when a marker is missing. */
export function withSettingsTable(readme: string): string {
  if (settingsSection(readme) === null) throw new Error(`Cannot write the table: ${BEGIN} or ${END} is missing`);
  const [begin, end] = [readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END)];
  return `${readme.slice(0, begin)}\n\n${settingsTable()}\n\n${readme.slice(end)}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(README_PATH, withSettingsTable(await Deno.readTextFile(README_PATH)));
}
