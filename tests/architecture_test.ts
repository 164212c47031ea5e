/** The rules of the code's shape: import ranks, no cycles, and who may touch SQL, the environment and the console. */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname ?? "", "..");
const FOLDERS = ["agents", "bench", "components", "core", "db", "examples", "fresh", "islands", "routes", "tests"];
const TOP_FILES = ["main.ts", "dev.ts"];

/** Ranks inside core, lowest first; a folder imports only from lower ranks and from itself. */
const CORE_RANKS = [
  ["agent", "config", "lifecycle"],
  ["resilience"],
  ["telemetry", "livekit"],
  ["coordination", "auth"],
  ["capacity", "runtime"],
  ["worker", "updates"],
  ["dispatch", "recovery"],
  ["services"],
];

interface Source {
  /** Path from the root, with "/". */
  path: string;
  text: string;
  /** Paths of imported files of ours. */
  imports: string[];
  /** Bare specifiers. */
  packages: string[];
}

async function* walk(folder: string): AsyncGenerator<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && entry.name !== "node_modules" && !entry.name.startsWith(".")) yield* walk(path);
    if (entry.isFile && /\.tsx?$/.test(entry.name)) yield path;
  }
}

async function readSources(): Promise<Map<string, Source>> {
  const files = [...TOP_FILES.map((name) => join(ROOT, name))];
  for (const folder of FOLDERS) files.push(...await Array.fromAsync(walk(join(ROOT, folder))));
  const sources = new Map<string, Source>();
  for (const file of files) {
    const text = await Deno.readTextFile(file);
    const imports: string[] = [];
    const packages: string[] = [];
    for (const specifier of specifiersOf(text)) {
      if (specifier.startsWith(".")) imports.push(relative(ROOT, join(dirname(file), specifier)).replaceAll("\\", "/"));
      else packages.push(specifier);
    }
    const path = relative(ROOT, file).replaceAll("\\", "/");
    sources.set(path, { path, text, imports, packages });
  }
  return sources;
}

function specifiersOf(text: string): string[] {
  const statement =
    /^\s*(?:import|export)\s[^;"'`]*?from\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
  return [...text.matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** Source without comments and string contents, so that words in them don't count. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1").replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

const sources = await readSources();
const all = [...sources.values()];
const isTest = (path: string) => path.startsWith("tests/") || path.includes("/tests/") || path.endsWith("_test.ts");

function assertNone(offences: string[]): void {
  assert.deepEqual(offences, []);
}

function coreRank(path: string): number | null {
  const folder = /^core\/([^/]+)/.exec(path)?.[1]?.replace(/\.ts$/, "");
  if (folder === undefined) return null;
  const rank = CORE_RANKS.findIndex((names) => names.includes(folder));
  assert.notEqual(rank, -1, `core/${folder} has no rank: add it to CORE_RANKS`);
  return rank;
}

Deno.test("architecture: folders of core import only from lower ranks", () => {
  const offences: string[] = [];
  for (const source of all) {
    const own = coreRank(source.path);
    if (own === null) continue;
    for (const target of source.imports) {
      const other = coreRank(target);
      const isSameFolder = target.split("/")[1] === source.path.split("/")[1];
      if (other !== null && !isSameFolder && other >= own) offences.push(`${source.path} → ${target}`);
    }
  }
  assertNone(offences);
});

Deno.test("architecture: arrows point down: routes → core → db, and nothing points back", () => {
  const offences: string[] = [];
  for (const { path, imports } of all.filter((source) => !isTest(source.path))) {
    for (const target of imports) {
      if (path.startsWith("core/") && /^(routes|islands|components|fresh|main\.ts)/.test(target)) {
        offences.push(`${path} → ${target}`);
      }
      // db knows what every layer needs of its surroundings: settings, logger, service; nothing else of core.
      if (path.startsWith("db/") && !/^(db|core\/lifecycle|core\/config)\//.test(target)) {
        offences.push(`${path} → ${target}`);
      }
      if (/^core\/(agent|livekit)\//.test(path) && target.startsWith("db/")) offences.push(`${path} → ${target}`);
      if (path.startsWith("core/agent/") && !target.startsWith("core/agent/")) offences.push(`${path} → ${target}`);
    }
  }
  assertNone(offences);
});

Deno.test("architecture: the app does not know which Fresh it runs on", () => {
  const offences: string[] = [];
  for (
    const { path, imports, packages } of all.filter((source) =>
      !source.path.startsWith("fresh/") && !isTest(source.path)
    )
  ) {
    for (const target of imports) if (target.startsWith("fresh/")) offences.push(`${path} → ${target}`);
    for (const name of packages) {
      if (/^@greenroom\/fresh|^jsr:/.test(name)) offences.push(`${path} → ${name}`);
      if (/^(fresh|preact)/.test(name) && !/^(routes|islands|components)\/|^(main|dev)\.ts$/.test(path)) {
        offences.push(`${path} → ${name}`);
      }
    }
  }
  assertNone(offences);
});

Deno.test("architecture: there are no import cycles, type imports included", () => {
  const state = new Map<string, "open" | "done">();
  const offences: string[] = [];
  const visit = (path: string, trail: string[]) => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") return void offences.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    state.set(path, "open");
    for (const target of sources.get(path)?.imports ?? []) visit(target, [...trail, path]);
    state.set(path, "done");
  };
  for (const { path } of all) if (!path.startsWith("fresh/")) visit(path, []);
  assertNone(offences);
});

Deno.test("architecture: every relative import names a file that exists", async () => {
  const offences: string[] = [];
  for (const { path, imports } of all.filter((source) => !source.path.startsWith("fresh/"))) {
    for (const target of imports) {
      if (sources.has(target)) continue;
      const isThere = await Deno.stat(join(ROOT, target)).then(() => true, () => false);
      if (!isThere) offences.push(`${path} → ${target}`);
    }
  }
  assertNone(offences);
});

Deno.test("architecture: SQL lies in db/ only", () => {
  const offences = all.filter(({ path, packages, text }) =>
    !path.startsWith("db/") && !isTest(path) && !path.startsWith("bench/") &&
    (packages.some((name) => /^(drizzle-orm|postgres)/.test(name)) || /\b(database|db)\.(sql|db)\b/.test(codeOf(text)))
  );
  assertNone(offences.map(({ path }) => path));
});

Deno.test("architecture: Deno.env is read in core/config and main.ts only", () => {
  const mayRead = (path: string) =>
    /^core\/(config|runtime\/child)\/|^main\.ts$|^dev\.ts$|^bench\/|^fresh\//.test(path) || isTest(path);
  assertNone(
    all.filter(({ path, text }) => !mayRead(path) && /\bDeno\.env\b|\bprocess\.env\b/.test(codeOf(text))).map((
      { path },
    ) => path),
  );
});

Deno.test("architecture: the console is used by the logger only", () => {
  // Agents and examples are user code: their console is captured as job output.
  const mayWrite = (path: string) =>
    /^core\/lifecycle\/logger\.ts$|^core\/runtime\/child\/|^(agents|examples|bench|fresh)\//.test(path) || isTest(path);
  assertNone(
    all.filter(({ path, text }) => !mayWrite(path) && /\bconsole\./.test(codeOf(text))).map(({ path }) => path),
  );
});

Deno.test("architecture: islands import only browser-safe files", () => {
  const offences: string[] = [];
  for (
    const { path, imports, packages } of all.filter((source) =>
      source.path.startsWith("islands/") || source.path.includes("(_islands)/")
    )
  ) {
    for (const target of imports) if (/^(core|db|routes)\//.test(target)) offences.push(`${path} → ${target}`);
    for (const name of packages) {
      if (name === "fresh" || /^(node:|drizzle|postgres|npm:)/.test(name)) offences.push(`${path} → ${name}`);
    }
  }
  assertNone(offences);
});
