/**
 * What a build consists of, before it is written to disk or loaded into memory. Islands and the browser runtime are
 * bundled with esbuild, which is loaded only when there is something to bundle.
 */
import type { Plugin } from "esbuild";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildFile, Snapshot } from "../build.ts";
import type { BuildOptions } from "../dev.ts";
import { findProjectFiles, hashOf, urlPath } from "./project_files.ts";

export type Plan = Awaited<ReturnType<typeof makePlan>>;

/** All paths are absolute; `modules` are those of the routes, then those of the islands. */
export async function makePlan(options: BuildOptions) {
  const { root, mode, routeDir, staticDir } = options;
  const { routes, islands, statics } = findProjectFiles(options);
  // Routes that are plain TypeScript cannot render a page, and an API needs no browser code.
  const needsBundle = islands.length > 0 || routes.some((path) => /\.[tj]sx$/.test(path));
  const { chunks, inputs, ...bundled } = needsBundle ? await bundle(options, islands) : NO_BUNDLE;
  const staticFiles = statics.map((source): BuildFile => {
    const path = `/${urlPath(staticDir, source)}`;
    return { path, hash: hashOf(Deno.readFileSync(source)), source, isImmutable: false };
  });
  const files = [...chunks, ...staticFiles];
  const id = hashOf(JSON.stringify(files.map(({ path, hash }) => [path, hash]))).slice(0, 12);
  const routePaths = routes.map((path) => urlPath(routeDir, path));
  const snapshot: Snapshot = { id, mode, root, routes: routePaths, ...bundled, files };
  return { snapshot, modules: [...routes, ...islands], inputs };
}

const NO_BUNDLE = { chunks: [], client: null, islands: [], imports: {}, inputs: [] };

const CHUNK_PREFIX = "/_fresh/js/";
const SOURCE_DIR = dirname(dirname(fileURLToPath(import.meta.url)));
const CLIENT_FILE = join(SOURCE_DIR, "client", "boot.ts");
const nameOf = (path: string) => path.replace(/\.\w+$/, "").replace(/\W+/g, "_");
const urlOf = (output: string) => CHUNK_PREFIX + basename(output);

let running = 0;

/** Throws with esbuild's messages when a module does not bundle. */
async function bundle({ root, islandDir, mode, target, sourceMap }: BuildOptions, islands: string[]) {
  const esbuild = await import("esbuild");
  running++;
  try {
    const { outputFiles, metafile } = await esbuild.build({
      absWorkingDir: root,
      entryPoints: [
        { in: CLIENT_FILE, out: "client" },
        ...islands.map((file) => ({ in: file, out: `island_${nameOf(urlPath(islandDir, file))}` })),
      ],
      outdir: join(root, CHUNK_PREFIX),
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      target,
      entryNames: "[name]-[hash]",
      chunkNames: "chunk-[hash]",
      jsx: "automatic",
      jsxImportSource: "preact",
      minify: mode === "production",
      sourcemap: sourceMap ? "linked" : false,
      define: { "process.env.NODE_ENV": JSON.stringify(mode) },
      nodePaths: [join(root, "node_modules"), resolve(SOURCE_DIR, "../../node_modules")],
      metafile: true,
      write: false,
      logLevel: "silent",
      plugins: [importMap],
    });
    const outputs = Object.entries(metafile.outputs).map(([path, { entryPoint = "", imports }]) => {
      const statics = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => urlOf(path));
      return { url: urlOf(path), source: resolve(root, entryPoint), statics };
    });
    const urlBySource = new Map(outputs.map(({ source, url }) => [source, url]));
    return {
      chunks: outputFiles.map(({ path, contents }): BuildFile => (
        { path: urlOf(path), hash: hashOf(contents), source: contents as Uint8Array<ArrayBuffer>, isImmutable: true }
      )),
      client: urlBySource.get(CLIENT_FILE)!,
      islands: islands.map((file) => urlBySource.get(file)!),
      imports: Object.fromEntries(outputs.map(({ url, statics }) => [url, statics])),
      /** Source files outside node_modules, by their path from the root. */
      inputs: Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/")),
    };
  } finally {
    // The service is a child process, which would keep this one alive.
    if (--running === 0) await esbuild.stop();
  }
}

/** Bare names that the import map maps to files are those files; packages are esbuild's to find in node_modules. */
const importMap: Plugin = {
  name: "import-map",
  setup: (build) =>
    build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      if (kind === "entry-point" || importer.includes("/node_modules/")) return;
      try {
        const file = fileURLToPath(import.meta.resolve(path));
        // Deno resolves packages as for a server; a browser may get other files of them.
        return file.includes("/node_modules/") ? undefined : { path: file };
      } catch {
        return; // Not a file of the import map: esbuild finds it, or says what is missing, and where.
      }
    }),
};
