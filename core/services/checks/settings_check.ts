/** The settings: they have been read without a problem, or doctor would not run; what was corrected is said. */
import type { LoadedConfig } from "../../config/config.ts";
import { SETTINGS } from "../../config/settings.ts";
import { type CheckResult, ok, warned } from "./check.ts";

const NAME = "settings";

export function checkSettings({ sources, notes }: LoadedConfig): CheckResult[] {
  const given = Object.entries(SETTINGS).filter(([name]) => sources[name as keyof typeof sources] === "environment");
  const names = given.map(([, { env }]) => env).join(", ");
  const summary = given.length === 0 ? "all have their defaults" : `${given.length} set in the environment: ${names}`;
  return [
    ok(NAME, summary),
    ...notes.map((note) => warned(NAME, note, "Correct the variable, so that other programs read it right too.")),
  ];
}
