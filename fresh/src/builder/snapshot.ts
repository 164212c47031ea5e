/** What a build consists of, before it is written to disk or loaded into memory. */
import type { BuildFile, Snapshot } from "../build.ts";
import type { BuildOptions } from "../dev.ts";
import type { BrowserBundle } from "./browser_modules.ts";
import { hashOf, type ProjectFiles, urlPath } from "./project_files.ts";

/** Its paths are absolute. */
export function makeSnapshot(
  options: BuildOptions,
  { routes, statics }: ProjectFiles,
  bundle: BrowserBundle,
): Snapshot {
  const { root, mode, routeDir, staticDir } = options;
  const { chunks, client, islands, imports } = bundle;
  const staticFiles = statics.map((source): BuildFile => {
    const path = `/${urlPath(staticDir, source)}`;
    return { path, hash: hashOf(Deno.readFileSync(source)), source, isImmutable: false };
  });
  const files = [...chunks, ...staticFiles];
  const id = hashOf(JSON.stringify(files.map(({ path, hash }) => [path, hash]))).slice(0, 12);
  return { id, mode, root, client, imports, routes: routes.map((path) => urlPath(routeDir, path)), islands, files };
}
