/** Makes a build: what the project's folders hold, and the browser's modules, bundled. */
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildFile, CHUNK_FOLDER, type Snapshot } from "../build.ts";
import { bundle, type Bundled } from "./bundler.ts";
import { hashOf, type ProjectFiles } from "./project_files.ts";

export const SOURCE_DIR = fileURLToPath(new URL("../", import.meta.url));

export type Made = Awaited<ReturnType<typeof makeBuild>>;

/**
 * `files` by their paths from the root; the browser modules are in the snapshot as bytes, those of `kept` when given.
 * `inputs`: their sources outside node_modules, by their paths from the root. Throws with esbuild's messages when a module
 * does not bundle.
 */
export async function makeBuild(
  root: string,
  files: ProjectFiles,
  mode: Snapshot["mode"],
  kept: Bundled | null = null,
) {
  const { routes, islands, statics } = files;
  const client = relative(root, join(SOURCE_DIR, "client", "boot.ts"));
  const bundled = kept ?? await bundle({
    absWorkingDir: root,
    entryPoints: [
      { in: client, out: "client" },
      ...islands.map((path) => ({ in: path, out: path.replace(/\.\w+$/, "").replace(/\W+/g, "_") })),
    ],
    outdir: CHUNK_FOLDER.slice(1),
    splitting: true,
    platform: "browser",
    target: "es2022",
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    minify: mode === "production",
    define: { "process.env.NODE_ENV": JSON.stringify(mode) },
    alias: { "fresh/runtime": join(SOURCE_DIR, "runtime.ts") },
    nodePaths: [resolve(SOURCE_DIR, "../../node_modules")],
  });
  const { outputFiles, metafile } = bundled;
  const outputs = Object.entries(metafile.outputs);
  const urlBySource = new Map(outputs.map(([path, { entryPoint }]) => [entryPoint, `/${path}`]));
  const chunks = outputFiles.map(({ path, contents }): BuildFile => {
    return { path: `/${relative(root, path)}`, hash: hashOf(contents), source: contents as Uint8Array<ArrayBuffer> };
  });
  const staticFiles = statics.map((source): BuildFile => {
    return { path: source.slice("static".length), hash: hashOf(Deno.readFileSync(join(root, source))), source };
  });
  const contents = [...chunks, ...staticFiles];
  const snapshot: Snapshot = {
    id: hashOf(JSON.stringify(contents.map(({ path, hash }) => [path, hash]))).slice(0, 12),
    mode,
    client: urlBySource.get(client)!,
    imports: Object.fromEntries(outputs.map(([path, { imports }]) => {
      const statically = imports.filter(({ kind }) => kind === "import-statement");
      return [`/${path}`, statically.map(({ path }) => `/${path}`)];
    })),
    routes: routes.map((path) => path.slice("routes/".length)),
    islands: islands.map((path) => urlBySource.get(path)!),
    files: contents,
  };
  return { snapshot, bundled, inputs: Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/")) };
}
