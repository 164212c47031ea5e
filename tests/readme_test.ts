/** README says what the code does, where that can be checked. */
import assert from "node:assert/strict";
import { SETTINGS } from "../core/config/settings.ts";
import { README_PATH, settingsSection, settingsTable, withSettingsTable } from "./support/settings_table.ts";

Deno.test("README's table of settings has exactly the rows of the settings table", async () => {
  const section = settingsSection(await Deno.readTextFile(README_PATH));
  assert.equal(
    section,
    settingsTable(),
    "run: deno run -A tests/support/settings_table.ts (it writes the table into README.md)",
  );
});

Deno.test("the table of settings names each variable once, and shows no default for a secret", () => {
  const rows = settingsTable().split("\n").slice(2);
  const names = rows.map((row) => /^\| `([A-Z_]+)` \|/.exec(row)?.[1]);
  assert.equal(new Set(names).size, Object.keys(SETTINGS).length);
  for (const setting of Object.values(SETTINGS)) if (setting.secret) assert.equal(setting.default, null);
});

Deno.test("the table is replaced between its markers, and nothing else of README changes", () => {
  const text = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n";
  const written = withSettingsTable(text);
  assert.ok(written.startsWith("before\n<!-- settings -->\n\n| Variable"));
  assert.ok(written.endsWith("\n\n<!-- /settings -->\nafter\n"));
  assert.equal(withSettingsTable(written), written);
  assert.throws(() => withSettingsTable("no markers"), /settings/);
});
