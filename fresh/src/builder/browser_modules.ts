/** The browser's half of a build: islands and the runtime that brings them to life, bundled. */
import type { Plugin } from "esbuild";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildFile, Snapshot } from "../build.ts";
import type { BuildOptions } from "../dev.ts";
import type { Bundler } from "./bundler.ts";
import { hashOf, type ProjectFiles, urlPath } from "./project_files.ts";

const CHUNK_PREFIX = "/_fresh/js/";
const SOURCE_DIR = dirname(dirname(fileURLToPath(import.meta.url)));
const CLIENT_FILE = join(SOURCE_DIR, "client", "boot.ts");
const nameOf = (path: string) => path.replace(/\.\w+$/, "").replace(/\W+/g, "_");
const urlOf = (output: string) => CHUNK_PREFIX + basename(output);

export interface BrowserBundle extends Pick<Snapshot, "client" | "imports" | "islands"> {
  chunks: BuildFile[];
  /** Source files outside node_modules, by their path from the root. */
  inputs: string[];
}

export async function bundleForBrowser(
  { root, islandDir, mode, target, sourceMap }: BuildOptions,
  { routes, islands }: ProjectFiles,
  bundler: Bundler,
): Promise<BrowserBundle> {
  // Routes that are plain TypeScript cannot render a page, and an API needs no browser code.
  const hasPages = islands.length > 0 || routes.some((path) => /\.[tj]sx$/.test(path));
  if (!hasPages) return { chunks: [], client: null, islands: [], imports: {}, inputs: [] };
  const { outputFiles, metafile } = await bundler.bundle({
    absWorkingDir: root,
    entryPoints: [
      { in: CLIENT_FILE, out: "client" },
      ...islands.map((file) => ({ in: file, out: `island_${nameOf(urlPath(islandDir, file))}` })),
    ],
    outdir: join(root, CHUNK_PREFIX),
    splitting: true,
    platform: "browser",
    target,
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    minify: mode === "production",
    sourcemap: sourceMap ? "linked" : false,
    define: { "process.env.NODE_ENV": JSON.stringify(mode) },
    nodePaths: [join(root, "node_modules"), resolve(SOURCE_DIR, "../../node_modules")],
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
    inputs: Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/")),
  };
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
