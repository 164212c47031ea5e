/**
 * `_fresh/`: browser modules under `js/`, `snapshot.js` (what the build consists of), `server.js` (the entry) and
 * `build.json`, which is written last and says what the build was made from. A build that broke off has no build.json and
 * is made again. Processes that start at once on one tree take turns by a lock, and all but the first find it done.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHUNK_PREFIX } from "./bundle.ts";
import { findProjectFiles, hashOf, importPath, listFiles } from "./files.ts";
import { makePlan, type Plan, type PlanOptions } from "./plan.ts";

export interface WriteOptions extends PlanOptions {
  outDir: string;
  serverEntry: string;
}

interface BuildRecord {
  /** Hash of names and options. */
  layout: string;
  /** Hashes of the files that went into the build, by their path from the root. */
  inputs: Record<string, string>;
}

const RECORD = "build.json";
const LOCK = "lock";
const BUILDER_DIR = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Does nothing but compare contents when `outDir` was made from the same files, contents and options. */
export async function updateBuild(options: WriteOptions): Promise<void> {
  if (await isCurrent(options)) return;
  await Deno.mkdir(options.outDir, { recursive: true });
  using lock = await Deno.open(join(options.outDir, LOCK), { create: true, write: true });
  await lock.lock(true);
  if (!await isCurrent(options)) await writeBuild(await makePlan(options), options);
}

async function isCurrent(options: WriteOptions): Promise<boolean> {
  try {
    const record: BuildRecord = JSON.parse(await Deno.readTextFile(join(options.outDir, RECORD)));
    if (record.layout !== await hashLayout(options)) return false;
    for (const [path, hash] of Object.entries(record.inputs)) {
      if (hash !== await hashOf(await Deno.readFile(join(options.root, path)))) return false;
    }
    return true;
  } catch (error) {
    // No record, a broken one, or an input that is gone: all mean "build".
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return false;
    throw error;
  }
}

async function writeBuild({ snapshot, modules, inputs }: Plan, options: WriteOptions): Promise<void> {
  const { outDir, root } = options;
  for await (const { name } of Deno.readDir(outDir)) {
    if (name !== LOCK) await Deno.remove(join(outDir, name), { recursive: true });
  }
  await Deno.mkdir(join(outDir, "js"));
  const files: typeof snapshot.files = [];
  for (const file of snapshot.files) {
    if (typeof file.source === "string") {
      files.push({
        ...file,
        source: encodeURI(importPath(outDir, fileURLToPath(file.source))).replace(/[?#]/g, encodeURIComponent),
      });
      continue;
    }
    const source = `./js/${file.path.slice(CHUNK_PREFIX.length)}`;
    await Deno.writeFile(join(outDir, source), file.source);
    files.push({ ...file, source });
  }
  await Deno.writeTextFile(
    join(outDir, "snapshot.js"),
    snapshotText({ ...snapshot, root: ".", files }, modules, options),
  );
  await Deno.writeTextFile(join(outDir, "server.js"), serverText(options));
  // The builder itself and the lock file (versions of packages) count as inputs, too.
  const statics = snapshot.files.flatMap(({ source }) => typeof source === "string" ? [fileURLToPath(source)] : []);
  const lockFile = listFiles(root, { deep: false }).filter((path) => path.endsWith("/deno.lock"));
  const record: BuildRecord = { layout: await hashLayout(options), inputs: {} };
  for (const file of [...inputs, ...statics, ...listFiles(BUILDER_DIR), ...lockFile]) {
    record.inputs[importPath(root, file)] = await hashOf(await Deno.readFile(file));
  }
  await Deno.writeTextFile(join(outDir, RECORD), JSON.stringify(record, null, 2));
}

function serverText({ outDir, serverEntry }: WriteOptions): string {
  return `// Made by the Builder.
import { setBuild } from "fresh/internal";
import { app } from ${JSON.stringify(importPath(outDir, serverEntry))};
import build from "./snapshot.js";
setBuild(app, build);
export default { fetch: app.handler() };
`;
}

function snapshotText(snapshot: Plan["snapshot"], modules: string[], { outDir, root }: WriteOptions): string {
  const imports = modules.map((file, index) =>
    `import * as module${index} from ${JSON.stringify(importPath(outDir, file))};`
  );
  return `// Made by the Builder.
import { fileURLToPath } from "node:url";
import { readSnapshot } from "fresh/internal";
${imports.join("\n")}
const snapshot = ${JSON.stringify(snapshot, null, 2)};
snapshot.root = fileURLToPath(new URL(${JSON.stringify(importPath(outDir, root))}, import.meta.url));
export default readSnapshot(snapshot, [${modules.map((_, index) => `module${index}`).join(", ")}], import.meta.url);
`;
}

async function hashLayout(options: WriteOptions): Promise<string> {
  const { outDir, serverEntry, routeDir, staticDir, root, mode, target, sourceMap } = options;
  const { routes, islands, statics } = findProjectFiles(options);
  const places = [serverEntry, routeDir, staticDir, root, ...islands].map((path) => importPath(outDir, path));
  return await hashOf(JSON.stringify([routes, statics, places, mode, target, sourceMap]));
}
