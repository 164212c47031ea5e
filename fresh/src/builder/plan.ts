/** What a build consists of, before it is written to disk or loaded into memory. */
import type { BuildFile, Snapshot } from "../build.ts";
import type { BuildOptions } from "../dev.ts";
import { bundleForBrowser } from "./browser_modules.ts";
import type { Bundler } from "./bundler.ts";
import { hashOf, type ProjectFiles, urlPath } from "./project_files.ts";

export type Plan = Awaited<ReturnType<typeof makePlan>>;

/** Its paths are absolute. */
export async function makePlan(options: BuildOptions, { routes, islands, statics }: ProjectFiles, bundler: Bundler) {
  const { root, mode, routeDir, staticDir } = options;
  // Routes that are plain TypeScript cannot render a page, and an API needs no browser code.
  const needsBundle = islands.length > 0 || routes.some((path) => /\.[tj]sx$/.test(path));
  const { chunks, inputs, ...bundled } = needsBundle ? await bundleForBrowser(options, islands, bundler) : NO_BUNDLE;
  const staticFiles = statics.map((source): BuildFile => {
    const path = `/${urlPath(staticDir, source)}`;
    return { path, hash: hashOf(Deno.readFileSync(source)), source, isImmutable: false };
  });
  const files = [...chunks, ...staticFiles];
  const id = hashOf(JSON.stringify(files.map(({ path, hash }) => [path, hash]))).slice(0, 12);
  const routePaths = routes.map((path) => urlPath(routeDir, path));
  const snapshot: Snapshot = { id, mode, root, routes: routePaths, ...bundled, files };
  return { snapshot, inputs };
}

const NO_BUNDLE = { chunks: [], client: null, islands: [], imports: {}, inputs: [] };
