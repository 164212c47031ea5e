/**
 * `_fresh/`: browser modules under `js/`, `snapshot.js` (what the build consists of), `server.js` (the entry) and
 * `build.json`, which is written last and says what the build was made from. A build that broke off has no build.json and
 * is made again. Processes that start at once on one tree take turns by a lock, and all but the first find it done.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Snapshot } from "../build.ts";
import type { BuildOptions } from "../dev.ts";
import { bundleForBrowser } from "./browser_modules.ts";
import { Bundler } from "./bundler.ts";
import { findProjectFiles, hashOf, listFiles, urlPath } from "./project_files.ts";
import { makeSnapshot } from "./snapshot.ts";

const BUILDER_DIR = dirname(dirname(fileURLToPath(import.meta.url)));

/** Does nothing but compare contents when `outDir` was made from the same files, contents and options. */
export async function updateBuild(options: BuildOptions): Promise<void> {
  if (isCurrent(options)) return;
  Deno.mkdirSync(join(options.outDir, "js"), { recursive: true });
  using lock = await Deno.open(join(options.outDir, "lock"), { create: true, write: true });
  await lock.lock(true);
  if (isCurrent(options)) return;
  await using bundler = new Bundler();
  const files = findProjectFiles(options);
  const bundle = await bundleForBrowser(options, files, bundler);
  writeBuild(makeSnapshot(options, files, bundle), [...files.routes, ...files.islands], bundle.inputs, options);
}

function isCurrent(options: BuildOptions): boolean {
  try {
    const { inputs, hash } = JSON.parse(Deno.readTextFileSync(join(options.outDir, "build.json")));
    // Another version of the builder may have left another kind of record.
    return Array.isArray(inputs) && hash === hashInputs(inputs, options);
  } catch (error) {
    // No record, a broken one, or an input that is gone: all mean "build".
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Of options, names and contents; `inputs` are the sources of the browser modules, by their path from the root. */
function hashInputs(inputs: string[], options: BuildOptions): string {
  const { root } = options;
  const { routes, islands, statics } = findProjectFiles(options);
  const lockFile = [join(root, "deno.lock")].filter((path) => existsSync(path));
  const read = [...inputs, ...[...statics, ...listFiles(BUILDER_DIR), ...lockFile].map((path) => urlPath(root, path))];
  const contents = read.map((path) => hashOf(Deno.readFileSync(join(root, path))));
  // Without the root: a project that has moved is not built anew.
  return hashOf(JSON.stringify([options, routes, islands, read, contents]).replaceAll(root, ""));
}

function writeBuild(snapshot: Snapshot, modules: string[], inputs: string[], options: BuildOptions): void {
  const { outDir, root, serverEntry } = options;
  const write = (name: string, text: string) => Deno.writeTextFileSync(join(outDir, name), text);
  write("build.json", "");
  const old = new Set(listFiles(join(outDir, "js")));
  const files = snapshot.files.map(({ source, ...file }) => {
    if (typeof source === "string") return { ...file, source: urlPath(outDir, source) };
    const path = join(outDir, "js", basename(file.path));
    // A program that serves the build before this one always finds what both have in common.
    Deno.writeFileSync(`${path}.part`, source);
    Deno.renameSync(`${path}.part`, path);
    old.delete(path);
    return { ...file, source: urlPath(outDir, path) };
  });
  const snapshotText = `// Made by the Builder.
import { readSnapshot } from "fresh/internal";
${modules.map((file, index) => `import * as module${index} from ${importName(outDir, file)};`).join("\n")}
const snapshot = ${JSON.stringify({ ...snapshot, root: urlPath(outDir, root), files }, null, 2)};
export default readSnapshot(snapshot, [${modules.map((_, index) => `module${index}`).join(", ")}], import.meta.dirname);
`;
  const serverText = `// Made by the Builder.
import { setBuild } from "fresh/internal";
import { app } from ${importName(outDir, serverEntry)};
import build from "./snapshot.js";
setBuild(app, build);
export default { fetch: app.handler() };
`;
  write("snapshot.js", snapshotText);
  write("server.js", serverText);
  for (const path of old) Deno.removeSync(path);
  write("build.json", JSON.stringify({ hash: hashInputs(inputs, options), inputs }, null, 2));
}

function importName(directory: string, file: string): string {
  const path = urlPath(directory, file);
  return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
}
