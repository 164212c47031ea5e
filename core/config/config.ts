/** Reads the settings table from an environment: every problem is reported at once, each with its remedy. */
import { resolve } from "node:path";
import { type Config, type Setting, SETTINGS } from "./settings.ts";

export interface ConfigProblem {
  env: string;
  problem: string;
  remedy: string;
}

export interface LoadedConfig {
  config: Config;
  /** Where each value came from. */
  sources: Readonly<Record<keyof Config, "environment" | "default">>;
  /** Corrections made silently nowhere else, e.g. an http URL that became ws. */
  notes: string[];
}

export type ConfigResult = { ok: true; loaded: LoadedConfig } | { ok: false; problems: ConfigProblem[] };

/**
 * @param env variables by name; an empty one counts as not set.
 * @param baseDir folder that relative paths are resolved against: the project.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, baseDir: string): ConfigResult {
  const problems: ConfigProblem[] = [];
  const notes: string[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, "environment" | "default"> = {};
  for (const [name, entry] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const raw = env[entry.env]?.trim() ?? "";
    sources[name] = raw === "" ? "default" : "environment";
    if (raw === "") {
      values[name] = entry.default;
      continue;
    }
    const parsed = entry.schema.safeParse(raw);
    if (parsed.success) {
      values[name] = parsed.data;
      if (/^https?:\/\//.test(raw) && /^wss?:/.test(String(parsed.data))) {
        notes.push(`${entry.env} was given as http; using ${parsed.data}`);
      }
    } else {
      problems.push({
        env: entry.env,
        problem: describe(entry, raw, parsed.error.issues[0]?.message),
        remedy: remedyFor(entry),
      });
    }
  }
  const config = values as unknown as Config;
  problems.push(...crossChecks(config));
  if (problems.length > 0) return { ok: false, problems };
  const paths = { dataDir: resolve(baseDir, config.dataDir), agentsDir: resolve(baseDir, config.agentsDir) };
  return {
    ok: true,
    loaded: { config: Object.freeze({ ...config, ...paths }), sources: sources as LoadedConfig["sources"], notes },
  };
}

export function formatProblems(problems: readonly ConfigProblem[]): string {
  const lines = problems.map((p) => `  ${p.env}: ${p.problem}\n    → ${p.remedy}`);
  return `Greenroom can't start: ${problems.length} setting${problems.length === 1 ? " is" : "s are"} wrong.\n${
    lines.join("\n")
  }`;
}

function describe(entry: Setting<unknown>, raw: string, message = "is not valid"): string {
  return entry.secret ? message : `${message} (it is "${raw.length > 80 ? `${raw.slice(0, 80)}…` : raw}")`;
}

function remedyFor(entry: Setting<unknown>): string {
  const fallback = entry.default === null ? "" : ` or unset it for the default, ${entry.default}`;
  return `set ${entry.env} to a valid value${fallback}. ${entry.meaning}`;
}

function crossChecks(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (config.livekitUrl) {
    for (
      const [env, value] of [["LIVEKIT_API_KEY", config.livekitApiKey], [
        "LIVEKIT_API_SECRET",
        config.livekitApiSecret,
      ]] as const
    ) {
      if (value === null) {
        problems.push({
          env,
          problem: "is missing, but LIVEKIT_URL is set",
          remedy:
            `set ${env} to the pair in the LiveKit server's \`keys:\`, or unset LIVEKIT_URL to start a local server`,
        });
      }
    }
  }
  return problems;
}
