/**
 * Routes and islands as a development server loads them: as one bundle, imported anew whenever it has changed, because
 * Deno loads a file only once. What the app's entry imports, too, is left out and shared, so it keeps its state; so are
 * packages. Bundles that were replaced stay in memory until the program ends.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BuildOptions } from "../dev.ts";
import { Bundler } from "./bundler.ts";
import { hashOf } from "./project_files.ts";

export interface ServerModules {
  /** In the order of the files asked for. */
  modules: Record<string, unknown>[];
  hash: string;
  /** The bundle's sources, by their path from the root. */
  inputs: string[];
}

export class ServerModuleLoader {
  readonly #options: BuildOptions;
  readonly #directory: string;
  #shared: string[] | null = null;

  constructor(options: BuildOptions) {
    this.#options = options;
    this.#directory = join(options.outDir, "dev");
    if (existsSync(this.#directory)) Deno.removeSync(this.#directory, { recursive: true });
    Deno.mkdirSync(this.#directory, { recursive: true });
  }

  /** Throws when a module does not bundle, or fails as it is imported. */
  async load(files: readonly string[], bundler: Bundler): Promise<ServerModules> {
    const { root } = this.#options;
    const names = files.map((_, index) => `module${index}`);
    const imports = files.map((file, index) => `import * as ${names[index]} from ${JSON.stringify(file)};`);
    const { outputFiles, metafile } = await bundler.bundle({
      ...FOR_DENO,
      absWorkingDir: root,
      stdin: { contents: `${imports.join("\n")}\nexport default [${names.join(", ")}];`, resolveDir: root },
      external: this.#shared ??= await this.#findShared(),
      outdir: this.#directory,
    });
    const code = outputFiles[0]!.contents;
    const hash = hashOf(code);
    const output = join(this.#directory, `${hash}.js`);
    if (!existsSync(output)) Deno.writeFileSync(output, code);
    const { default: modules } = await import(pathToFileURL(output).href);
    return { modules, hash, inputs: Object.keys(metafile.inputs).filter((path) => path !== "<stdin>") };
  }

  /** The files that the app's entry imports, directly or not. */
  async #findShared(): Promise<string[]> {
    const { root, serverEntry } = this.#options;
    await using bundler = new Bundler();
    const { metafile } = await bundler.bundle({ ...FOR_DENO, absWorkingDir: root, entryPoints: [serverEntry] });
    return Object.keys(metafile.inputs).map((path) => resolve(root, path));
  }
}

const FOR_DENO = { packages: "external", platform: "neutral", target: "esnext", outdir: "." } as const;
