/**
 * `_fresh/`: browser modules under `js/`, `snapshot.js` (what the build consists of), `server.js` (the entry) and
 * `build.json`, which is written last and says what the build was made from. A build that broke off has no build.json and
 * is made again. Files are replaced by renaming, so a reader never sees half of one.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHUNK_PREFIX } from "./bundle.ts";
import { findProjectFiles, hashOf, importPath, listFiles } from "./files.ts";
import type { Plan, PlannedFile, PlanOptions } from "./plan.ts";

export interface WriteOptions extends PlanOptions {
  outDir: string;
  serverEntry: string;
}

interface BuildRecord {
  /** Hash of names and options, and of each file that went into the build. */
  layout: string;
  inputs: Record<string, string>;
}

const RECORD = "build.json";
const BUILDER_DIR = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** True when what `outDir` holds was made from the same files, contents and options. */
export async function isBuildCurrent(options: WriteOptions): Promise<boolean> {
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

export async function writeBuild(plan: Plan, options: WriteOptions): Promise<void> {
  const { outDir } = options;
  const jsDir = join(outDir, "js");
  await Deno.mkdir(jsDir, { recursive: true });
  await removeIfThere(join(outDir, RECORD));
  const chunks = plan.files.filter((file) => typeof file.source !== "string");
  for (const { path, source } of chunks) await replaceFile(chunkFile(outDir, path), source);
  await replaceFile(join(outDir, "snapshot.js"), snapshotText(plan, options));
  await replaceFile(join(outDir, "server.js"), serverText(options));
  await removeOthers(jsDir, new Set(chunks.map(({ path }) => path.slice(CHUNK_PREFIX.length))));
  const record: BuildRecord = { layout: await hashLayout(options), inputs: await hashInputs(plan, options) };
  await replaceFile(join(outDir, RECORD), JSON.stringify(record, null, 2));
}

function serverText({ outDir, serverEntry }: WriteOptions): string {
  const main = JSON.stringify(importPath(join(outDir, "server.js"), serverEntry));
  return `// Made by the Builder.
import { setBuild } from "fresh/internal";
import { app } from ${main};
import build from "./snapshot.js";
setBuild(app, build);
export default { fetch: app.handler() };
`;
}

function snapshotText(plan: Plan, { outDir, root, mode }: WriteOptions): string {
  const file = join(outDir, "snapshot.js");
  const imports = [...plan.routes, ...plan.islands].map((module, index) =>
    `import * as module${index} from ${JSON.stringify(importPath(file, module.file))};`
  );
  const routes = plan.routes.map(({ path }, index) => `{ path: ${JSON.stringify(path)}, module: module${index} }`);
  const islands = plan.islands.map(({ name, src }, index) =>
    `{ name: ${JSON.stringify(name)}, src: ${JSON.stringify(src)}, module: module${plan.routes.length + index} }`
  );
  return `// Made by the Builder.
${imports.join("\n")}
export default {
  id: ${JSON.stringify(plan.id)},
  mode: ${JSON.stringify(mode)},
  root: new URL(${JSON.stringify(`${importPath(file, root)}/`)}, import.meta.url).pathname.slice(0, -1),
  routes: [${routes.join(", ")}],
  islands: [${islands.join(", ")}],
  client: ${JSON.stringify(plan.client)},
  imports: ${JSON.stringify(plan.imports)},
  files: [
    ${plan.files.map((each) => fileText(each, file, outDir)).join(",\n    ")}
  ],
};
`;
}

function fileText({ path, hash, immutable, source }: PlannedFile, file: string, outDir: string): string {
  const place = typeof source === "string" ? source : chunkFile(outDir, path);
  const url = encodeURI(importPath(file, place)).replace(/[?#]/g, encodeURIComponent);
  return `{ path: ${JSON.stringify(path)}, hash: "${hash}", immutable: ${immutable}, ` +
    `source: new URL(${JSON.stringify(url)}, import.meta.url) }`;
}

function chunkFile(outDir: string, path: string): string {
  return join(outDir, "js", path.slice(CHUNK_PREFIX.length));
}

async function hashLayout(options: WriteOptions): Promise<string> {
  const { routes, islands, statics } = findProjectFiles(options);
  const { root, outDir, serverEntry, mode, target, sourceMap } = options;
  const places = [serverEntry, ...islands, options.routeDir, options.staticDir].map((path) =>
    importPath(join(outDir, "snapshot.js"), path)
  );
  return await hashOf(JSON.stringify([routes, statics, places, importPath(outDir, root), mode, target, sourceMap]));
}

/** The builder itself and the lock file (versions of packages) count as inputs. */
async function hashInputs(plan: Plan, { root }: WriteOptions): Promise<Record<string, string>> {
  const statics = plan.files.flatMap(({ source }) => typeof source === "string" ? [source] : []);
  const files = [...plan.inputs, ...statics, ...listFiles(BUILDER_DIR)];
  if (await exists(join(root, "deno.lock"))) files.push(join(root, "deno.lock"));
  const inputs: Record<string, string> = {};
  for (const file of new Set(files)) {
    inputs[importPath(join(root, RECORD), file)] = await hashOf(await Deno.readFile(file));
  }
  return inputs;
}

async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await Deno.writeFile(temporary, typeof content === "string" ? new TextEncoder().encode(content) : content);
  await Deno.rename(temporary, path);
}

async function removeOthers(directory: string, kept: ReadonlySet<string>): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!kept.has(name)) await removeIfThere(join(directory, name));
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
