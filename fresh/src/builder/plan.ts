/** What a build consists of, before it is written to disk or loaded into memory. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Snapshot } from "../build.ts";
import { bundle } from "./bundle.ts";
import { findProjectFiles, hashOf, type ProjectDirs, type ProjectFiles, urlPath } from "./files.ts";

export interface PlanOptions extends ProjectDirs {
  root: string;
  mode: "development" | "production";
  target: string | string[];
  sourceMap: boolean;
}

export interface Plan {
  /** The URLs of files are absolute; browser modules are bytes. */
  snapshot: Snapshot;
  /** Absolute paths of the routes' modules, then of the islands'. */
  modules: string[];
  /** Absolute paths of the sources that went into the browser modules. */
  inputs: string[];
}

export async function makePlan(options: PlanOptions): Promise<Plan> {
  const found = findProjectFiles(options);
  const islands = found.islands.map((file) => ({ name: islandName(file, options), file }));
  const bundled = needsBundle(found) ? await bundle({ ...options, islands }) : null;
  const files: Snapshot["files"] = [];
  for (const { path, bytes } of bundled?.chunks ?? []) {
    files.push({ path, hash: await hashOf(bytes), immutable: true, source: bytes });
  }
  for (const path of found.statics) {
    const file = join(options.staticDir, path);
    files.push({
      path,
      hash: await hashOf(await Deno.readFile(file)),
      immutable: false,
      source: pathToFileURL(file).href,
    });
  }
  return {
    snapshot: {
      id: (await hashOf(JSON.stringify(files.map(({ path, hash }) => [path, hash])))).slice(0, 12),
      mode: options.mode,
      root: options.root,
      routes: found.routes.map((path) => ({ path })),
      islands: islands.map(({ name }) => ({ name, src: bundled?.islandSrc[name] ?? "" })),
      client: bundled?.client ?? null,
      imports: bundled?.imports ?? {},
      files,
    },
    modules: [...found.routes.map((path) => join(options.routeDir, path)), ...found.islands],
    inputs: bundled?.inputs ?? [],
  };
}

/** Routes that are plain TypeScript cannot render a page, and an API needs no browser code. */
function needsBundle({ routes, islands }: ProjectFiles): boolean {
  return islands.length > 0 || routes.some((path) => /\.[tj]sx$/.test(path));
}

/** Unique in the project: from the islands directory, or with the path of the routes directory that it lies in. */
function islandName(file: string, { islandDir, routeDir }: ProjectDirs): string {
  const isTop = file.startsWith(`${islandDir}/`);
  const path = urlPath(isTop ? islandDir : routeDir, file).replace(/\.[^./]+$/, "");
  return `${isTop ? "island" : "island_routes"}_${path.replace(/[^\w]+/g, "_")}`;
}
