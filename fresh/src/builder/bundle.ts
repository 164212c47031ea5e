/** Bundles islands and the browser runtime with esbuild, which is loaded only when there is something to bundle. */
import { dirname, join } from "node:path";
import { fileURLToPath as fromFileUrl } from "node:url";
import { urlPath } from "./files.ts";

export interface BundleOptions {
  root: string;
  islands: readonly { name: string; file: string }[];
  mode: "development" | "production";
  target: string | string[];
  sourceMap: boolean;
}

export interface Bundle {
  /** Browser modules and their maps: URL path and bytes. */
  chunks: { path: string; bytes: Uint8Array<ArrayBuffer> }[];
  /** URL path of the entry module, and of each island by name. */
  client: string;
  islandSrc: Record<string, string>;
  /** URL paths of the modules that each module imports statically. */
  imports: Record<string, string[]>;
  /** Source files outside node_modules, absolute. */
  inputs: string[];
}

export const CHUNK_PREFIX = "/_fresh/js/";
const CLIENT_NAME = "client";
const PACKAGE_ROOT = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
const CLIENT_FILE = fromFileUrl(new URL("../client/boot.ts", import.meta.url));

let running = 0;

/** Throws with esbuild's messages when a module does not bundle. */
export async function bundle(options: BundleOptions): Promise<Bundle> {
  const esbuild = await import("esbuild");
  running++;
  try {
    const outdir = join(options.root, CHUNK_PREFIX);
    const result = await esbuild.build({
      absWorkingDir: options.root,
      entryPoints: [
        { in: CLIENT_FILE, out: CLIENT_NAME },
        ...options.islands.map(({ name, file }) => ({ in: file, out: name })),
      ],
      outdir,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      target: options.target,
      entryNames: "[name]-[hash]",
      chunkNames: "chunk-[hash]",
      jsx: "automatic",
      jsxImportSource: "preact",
      minify: options.mode === "production",
      sourcemap: options.sourceMap ? "linked" : false,
      define: { "process.env.NODE_ENV": JSON.stringify(options.mode) },
      nodePaths: [join(options.root, "node_modules"), join(dirname(PACKAGE_ROOT), "node_modules")],
      metafile: true,
      write: false,
      logLevel: "silent",
      plugins: [{ name: "import-map", setup: (build) => resolveByImportMap(build) }],
    });
    const chunks = result.outputFiles.map(({ path, contents }) => ({
      path: CHUNK_PREFIX + urlPath(outdir, path),
      bytes: contents as Uint8Array<ArrayBuffer>,
    }));
    return { chunks, ...readMetafile(result.metafile, options) };
  } finally {
    // The service is a child process, which would keep this one alive.
    if (--running === 0) await esbuild.stop();
  }
}

type Metafile = import("esbuild").Metafile;

function readMetafile(metafile: Metafile, { root, islands }: BundleOptions) {
  const toUrl = (output: string) => CHUNK_PREFIX + output.slice(output.lastIndexOf("/") + 1);
  const imports: Record<string, string[]> = {};
  const srcByFile = new Map<string, string>();
  for (const [output, { imports: imported, entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined) srcByFile.set(join(root, entryPoint), toUrl(output));
    const statics = imported.filter(({ kind }) => kind === "import-statement").map(({ path }) => toUrl(path));
    if (statics.length > 0) imports[toUrl(output)] = statics;
  }
  const srcOf = (file: string) => {
    const src = srcByFile.get(file);
    if (src === undefined) throw new Error(`Cannot find the browser module of ${file} in esbuild's output`);
    return src;
  };
  return {
    client: srcOf(CLIENT_FILE),
    islandSrc: Object.fromEntries(islands.map(({ name, file }) => [name, srcOf(file)])),
    imports,
    inputs: Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/")).map((path) =>
      join(root, path)
    ),
  };
}

/** Bare names that the import map maps to files are those files; packages are esbuild's to find in node_modules. */
function resolveByImportMap(build: import("esbuild").PluginBuild): void {
  build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
    if (kind === "entry-point" || importer.includes("/node_modules/")) return;
    try {
      const resolved = import.meta.resolve(path);
      // Deno resolves packages as for a server; a browser may get other files of them.
      if (!resolved.startsWith("file:") || resolved.includes("/node_modules/")) return;
      return { path: fromFileUrl(resolved) };
    } catch {
      return; // Not in the import map: esbuild says what is missing, and where.
    }
  });
}
