/**
 * Routes and islands as a development server loads them: as one bundle, imported anew whenever it has changed, because
 * Deno loads a file only once. What the app's entry imports, too, is left out and shared, so it keeps its state; so are
 * packages. Bundles that were replaced stay in memory until the program ends.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bundle } from "./bundler.ts";
import { hashOf } from "./project_files.ts";

/** Holds the bundles; those of earlier runs are of no use. */
export const DEV_FOLDER = "_fresh/dev";

const FOR_DENO = { packages: "external", platform: "neutral", target: "esnext", outdir: DEV_FOLDER } as const;

/** The files that the app's entry imports, directly or not. */
export async function findShared(root: string): Promise<string[]> {
  const { metafile } = await bundle({ ...FOR_DENO, absWorkingDir: root, entryPoints: ["main.ts"] });
  return Object.keys(metafile.inputs).map((path) => resolve(root, path));
}

/**
 * Modules in the order of `files`, the bundle's hash, and its sources; all paths from the root. Throws when a module does
 * not bundle, or fails as it is imported.
 */
export async function loadServerModules(root: string, files: readonly string[], shared: string[]) {
  const imports = files.map((path, index) => `import * as module${index} from ${JSON.stringify(`./${path}`)};`);
  const list = `export default [${files.map((_, index) => `module${index}`).join(", ")}];`;
  const { outputFiles, metafile } = await bundle({
    ...FOR_DENO,
    absWorkingDir: root,
    stdin: { contents: [...imports, list].join("\n"), resolveDir: root },
    external: shared,
  });
  const code = outputFiles[0]!.contents;
  const hash = hashOf(code);
  const output = join(root, DEV_FOLDER, `${hash}.js`);
  mkdirSync(join(root, DEV_FOLDER), { recursive: true });
  if (!existsSync(output)) writeFileSync(output, code);
  const modules: Record<string, unknown>[] = (await import(pathToFileURL(output).href)).default;
  return { modules, hash, inputs: Object.keys(metafile.inputs) };
}
