/** What a build consists of, before it is written to disk or loaded into memory. */
import { join } from "node:path";
import { type Bundle, bundle } from "./bundle.ts";
import { findProjectFiles, hashOf, type ProjectDirs, type ProjectFiles, urlPath } from "./files.ts";

export interface PlanOptions extends ProjectDirs {
  root: string;
  mode: "development" | "production";
  target: string | string[];
  sourceMap: boolean;
}

export interface PlannedFile {
  path: string;
  hash: string;
  immutable: boolean;
  /** Bytes to write, or the file that has them. */
  source: Uint8Array<ArrayBuffer> | string;
}

export interface Plan {
  id: string;
  routes: { path: string; file: string }[];
  islands: { name: string; src: string; file: string }[];
  client: string | null;
  imports: Record<string, string[]>;
  files: PlannedFile[];
  /** Source files that went into the browser modules. */
  inputs: string[];
}

/** Bundles and hashes. Without an islands directory the browser runtime (partials, navigation) is bundled all the same if there are pages. */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const found = findProjectFiles(options);
  const islands = nameIslands(found.islands, options);
  const bundled = needsBundle(found)
    ? await bundle({ ...options, islands, isProduction: options.mode === "production" })
    : null;
  const files = [...await planChunks(bundled), ...await planStatics(found, options.staticDir)];
  return {
    id: (await hashOf(JSON.stringify(files.map(({ path, hash }) => [path, hash])))).slice(0, 12),
    routes: found.routes.map((path) => ({ path, file: join(options.routeDir, path) })),
    islands: islands.map(({ name, file }) => ({ name, file, src: bundled?.islandSrc[name] ?? "" })),
    client: bundled?.client ?? null,
    imports: bundled?.imports ?? {},
    files,
    inputs: bundled?.inputs ?? [],
  };
}

/** Routes that are plain TypeScript cannot render a page: an API needs no browser code. */
function needsBundle({ routes, islands }: ProjectFiles): boolean {
  return islands.length > 0 || routes.some((path) => /\.[tj]sx$/.test(path));
}

function nameIslands(files: readonly string[], { islandDir, routeDir }: ProjectDirs): { name: string; file: string }[] {
  return files.map((file) => {
    const base = file.startsWith(`${islandDir}/`) ? islandDir : routeDir;
    const name = urlPath(base, file).replace(/\.[^./]+$/, "").replace(/[^\w]+/g, "_");
    return { name: base === islandDir ? `island_${name}` : `island_routes_${name}`, file };
  });
}

async function planChunks(bundled: Bundle | null): Promise<PlannedFile[]> {
  return await Promise.all((bundled?.chunks ?? []).map(async ({ path, bytes }) => (
    { path, hash: await hashOf(bytes), immutable: true, source: bytes }
  )));
}

async function planStatics({ statics }: ProjectFiles, staticDir: string): Promise<PlannedFile[]> {
  return await Promise.all(statics.map(async (path) => {
    const source = join(staticDir, path);
    return { path, hash: await hashOf(await Deno.readFile(source)), immutable: false, source };
  }));
}
