/**
 * rtc-node for children, in one file. It is some 90 CommonJS modules, and looking for, reading and compiling each of them
 * is most of what a cold child spends on it: from one file, compiled once for V8's code cache, a child is loaded with a
 * quarter less CPU (measured: 150 instead of 200 ms).
 *
 * The modules are what lies in node_modules, word for word, and take the places there that they have anyway
 * (`Module._cache`), so whoever imports or requires rtc-node or its bindings gets the same ones. The file is made anew at
 * each start and written when it differs; without it (read-only node_modules, say) children load what they always did.
 */
import { createRequire, isBuiltin } from "node:module";
import { dirname, join } from "node:path";

/** Lies with what it is made from. A folder that begins with a dot is nobody's package. */
const FILE = "node_modules/.greenroom/rtc-node.cjs";
const PACKAGE = "@livekit/rtc-node";
/** rtc-node's logger pulls in worker threads and streams, a quarter of the whole; children give it another one. */
const STAND_INS = ["pino"];
const PARAMETERS = "exports, require, module, __filename, __dirname";

interface BundledModule {
  file: string;
  source: string;
  /** What it requires that is in the bundle too, by the words it uses. */
  requires: Record<string, string>;
}

/** Makes the file and gives its path. Throws when rtc-node is not there or the file can't be written. */
export async function writeRtcBundle(projectDir: string): Promise<string> {
  const path = join(projectDir, FILE);
  const text = bundleText(await collectModules(createRequire(join(projectDir, "deno.json")).resolve(PACKAGE)));
  if (await readIfThere(path) === text) return path;
  await Deno.mkdir(dirname(path), { recursive: true });
  // Instances that start together write the same; a child never reads half of it.
  const unfinished = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(unfinished, text);
  await Deno.rename(unfinished, path);
  return path;
}

/** The module and all that it requires, itself first. What is not CommonJS in JavaScript is left to be required as usual. */
async function collectModules(entry: string): Promise<BundledModule[]> {
  const modules = new Map<string, BundledModule>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (modules.has(file)) continue;
    const source = (await Deno.readTextFile(file)).replace(/^#!.*/, "").replace(/^\/\/# sourceMappingURL=.*$/m, "");
    if (!isCommonJs(source)) continue;
    const requires = requiresOf(file, source);
    modules.set(file, { file, source, requires });
    waiting.push(...Object.values(requires));
  }
  return [...modules.values()];
}

function requiresOf(file: string, source: string): Record<string, string> {
  const { resolve } = createRequire(file);
  const requires: Record<string, string> = {};
  for (const [, , specifier = ""] of source.matchAll(/\brequire\((["'])([^"'\n]+)\1\)/g)) {
    if (isBuiltin(specifier) || STAND_INS.includes(specifier)) continue;
    try {
      const found = resolve(specifier);
      if (/\.c?js$/.test(found)) requires[specifier] = found;
    } catch {
      // Of another platform, or not meant to be required: it is left to whoever does.
    }
  }
  return requires;
}

function isCommonJs(source: string): boolean {
  try {
    new Function(PARAMETERS, source);
    return true;
  } catch {
    return false;
  }
}

/**
 * Functions in parentheses are compiled at once and so are in the code cache. `install` is called with stand-ins by name;
 * modules that fail take nobody's place.
 */
function bundleText(modules: readonly BundledModule[]): string {
  const indexes = new Map(modules.map(({ file }, index) => [file, index]));
  const edges = modules.map(({ requires }) =>
    Object.fromEntries(
      Object.entries(requires).flatMap(([specifier, file]) => {
        const index = indexes.get(file);
        return index === undefined ? [] : [[specifier, index]];
      }),
    )
  );
  const sources = modules.map(({ source }) => `(function (${PARAMETERS}) {${source}\n})`);
  return `"use strict";
const Module = require("node:module");
const files = ${JSON.stringify(modules.map(({ file }) => file))};
const edges = ${JSON.stringify(edges)};
const loaded = [];
let standIns = {};
function load(index) {
  if (loaded[index]) return loaded[index].exports;
  const file = files[index];
  const module = loaded[index] = Module._cache[file] = new Module(file);
  module.filename = file;
  let usual;
  const require = (specifier) => {
    if (specifier in edges[index]) return load(edges[index][specifier]);
    return standIns[specifier] ?? (usual ??= Module.createRequire(file))(specifier);
  };
  sources[index].call(module.exports, module.exports, require, module, file, file.slice(0, file.lastIndexOf("/")));
  module.loaded = true;
  return module.exports;
}
exports.install = (given) => {
  standIns = given;
  try {
    load(0);
  } catch (error) {
    for (const index in loaded) delete Module._cache[files[index]];
    throw error;
  }
};
const sources = [
${sources.join(",\n")},
];
`;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
