/**
 * `_fresh/`: browser modules under `js/`, `server.js` (the entry) and `build.json`, which is written last and says what the
 * build was made from. A build that broke off has no build.json and is made again. Processes that start at once on one
 * tree take turns by a lock, and all but the first find it done.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stopBundler } from "./bundler.ts";
import { type Made, makeBuild, SOURCE_DIR } from "./make_build.ts";
import { findProjectFiles, hashOf, listFiles } from "./project_files.ts";

const RECORD = "_fresh/build.json";

/** Does nothing but compare contents when `_fresh/` was made from the same files and contents. */
export async function updateBuild(root: string): Promise<void> {
  if (isCurrent(root)) return;
  mkdirSync(join(root, "_fresh/js"), { recursive: true });
  using lock = await Deno.open(join(root, "_fresh/lock"), { create: true, write: true });
  await lock.lock(true);
  if (isCurrent(root)) return;
  try {
    const files = findProjectFiles(root);
    writeBuild(root, [...files.routes, ...files.islands], await makeBuild(root, files, "production"));
  } finally {
    await stopBundler();
  }
}

function isCurrent(root: string): boolean {
  try {
    const { inputs, hash } = JSON.parse(Deno.readTextFileSync(join(root, RECORD)));
    return hash === hashSources(root, inputs);
  } catch (error) {
    // No record, a broken one, or an input that is gone: all mean "build".
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Of names and contents; `inputs` are the sources of the browser modules. */
function hashSources(root: string, inputs: string[]): string {
  const { routes, islands, statics } = findProjectFiles(root);
  const lockFile = existsSync(join(root, "deno.lock")) ? ["deno.lock"] : [];
  const read = [...inputs, ...statics, ...lockFile].map((path) => join(root, path));
  const builder = listFiles(SOURCE_DIR, ".").map((path) => join(SOURCE_DIR, path));
  const contents = [...read, ...builder].map((path) => hashOf(readFileSync(path)));
  return hashOf(JSON.stringify([routes, islands, inputs, statics, contents]));
}

function writeBuild(root: string, modules: string[], { snapshot, inputs }: Made): void {
  // Whole at once: the build before this one may be in use, and has files in common with it.
  const write = (path: string, content: string | Uint8Array) => {
    writeFileSync(join(root, `${path}.part`), content);
    renameSync(join(root, `${path}.part`), join(root, path));
  };
  rmSync(join(root, RECORD), { force: true });
  const files = snapshot.files.map((file) => {
    if (typeof file.source === "string") return file;
    const source = file.path.slice(1);
    write(source, file.source);
    return { ...file, source };
  });
  write(
    "_fresh/server.js",
    `// Made by the Builder.
import { readSnapshot, setBuild } from "fresh/internal";
import { app } from "../main.ts";
${modules.map((path, index) => `import * as module${index} from ${JSON.stringify(`../${path}`)};`).join("\n")}
const snapshot = ${JSON.stringify({ ...snapshot, files }, null, 2)};
const modules = [${modules.map((_, index) => `module${index}`).join(", ")}];
setBuild(app, readSnapshot(snapshot, modules, import.meta.dirname + "/.."));
export default { fetch: app.handler() };
`,
  );
  const kept = new Set(files.map(({ source }) => source));
  for (const path of listFiles(root, "_fresh/js")) if (!kept.has(path)) rmSync(join(root, path));
  write(RECORD, JSON.stringify({ hash: hashSources(root, inputs), inputs }, null, 2));
}
