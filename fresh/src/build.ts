/** A build: what the Builder found and made. Without one an app has no file routes, no islands and no static files. */
import { resolve } from "node:path";

export interface BuildFile {
  /** URL path without the base path, e.g. `/styles.css`. */
  path: string;
  hash: string;
  /** The bytes, or the path of a file: absolute, in a snapshot from the root. */
  source: string | Uint8Array<ArrayBuffer>;
}

/** URL paths below name their content, so it may be cached for ever. */
export const CHUNK_FOLDER = "/_fresh/js";

/** A server component that is also a browser module: where the browser finds it. */
export interface Island {
  exportName: string;
  /** URL path of the browser module. */
  src: string;
}

/** A build as the Builder hands it over, as JSON on disk. */
export interface Snapshot {
  /** Changes with any content that a browser may have cached. */
  id: string;
  mode: "development" | "production";
  /** URL path of the browser's entry module. */
  client: string;
  /** URL path of the script that reloads pages; only of development servers. */
  devScript?: string;
  /** Browser modules that the key's module imports statically, for preloading. */
  imports: Record<string, string[]>;
  /** Paths relative to the routes directory, with "/". */
  routes: string[];
  /** URL paths of the islands' modules. */
  islands: string[];
  files: BuildFile[];
}

/** A build as an app uses it. */
export interface Build extends Omit<Snapshot, "routes" | "islands" | "files"> {
  root: string;
  routes: readonly { path: string; module: Record<string, unknown> }[];
  islandByComponent: ReadonlyMap<unknown, Island>;
  fileByPath: ReadonlyMap<string, BuildFile>;
}

/** `modules` are those of the routes, then those of the islands. Throws when an island module exports no component. */
export function readSnapshot(snapshot: Snapshot, modules: Record<string, unknown>[], root: string): Build {
  const { routes, islands, files, ...facts } = snapshot;
  return {
    ...facts,
    root: resolve(root),
    routes: routes.map((path, index) => ({ path, module: modules[index] ?? {} })),
    islandByComponent: new Map(islands.flatMap((src, index) => islandsOf(src, modules[routes.length + index] ?? {}))),
    fileByPath: new Map(files.map(({ source, ...file }) => {
      const located = typeof source === "string" ? resolve(root, source) : source;
      return [file.path, { ...file, source: located }];
    })),
  };
}

function islandsOf(src: string, module: Record<string, unknown>): [component: unknown, Island][] {
  const components = Object.entries(module).filter(([, value]) => typeof value === "function");
  if (components.length === 0) throw new Error(`Cannot use island ${src}: it exports no component`);
  return components.map(([exportName, component]) => [component, { exportName, src }]);
}

const NOTHING = { routes: [], islandByComponent: new Map(), fileByPath: new Map() };
export const EMPTY_BUILD: Build = { id: "none", mode: "production", root: "", client: "", imports: {}, ...NOTHING };
