/**
 * A build: what the Builder found and made, as an app uses it. Without one an app has no file routes, no islands and no
 * static files.
 */
export interface BuildFile {
  /** URL path without the base path, e.g. `/styles.css`. */
  path: string;
  hash: string;
  /** Where the bytes are: a file, or memory. */
  source: URL | Uint8Array<ArrayBuffer>;
  /** The path itself names the content, so it may be cached for ever. */
  immutable: boolean;
}

/** A server component that is also a browser module: where the browser finds it. */
export interface Island {
  exportName: string;
  /** URL path of the browser module. */
  src: string;
}

export interface Build {
  /** Changes with any content that a browser may have cached. */
  id: string;
  mode: "development" | "production";
  root: string;
  /** Paths relative to the routes directory, with "/". */
  routes: readonly { path: string; module: Record<string, unknown> }[];
  islandByComponent: ReadonlyMap<unknown, Island>;
  fileByPath: ReadonlyMap<string, BuildFile>;
  /** URL path of the browser's entry module. */
  client: string | null;
  /** Browser modules that the key's module imports statically, for preloading. */
  imports: Record<string, readonly string[]>;
}

/** A build as the Builder hands it over: in memory, or as the JSON of `_fresh/snapshot.js`. */
export interface Snapshot extends Pick<Build, "id" | "mode" | "root" | "client" | "imports"> {
  routes: { path: string }[];
  islands: { name: string; src: string }[];
  /** A text is a URL relative to the snapshot. */
  files: (Omit<BuildFile, "source"> & { source: string | Uint8Array<ArrayBuffer> })[];
}

/** `modules` are those of the routes, then those of the islands. Throws when an island module exports no component. */
export function readSnapshot(snapshot: Snapshot, modules: Record<string, unknown>[], base: string): Build {
  const islandByComponent = new Map<unknown, Island>();
  snapshot.islands.forEach(({ name, src }, index) => {
    const exported = Object.entries(modules[snapshot.routes.length + index] ?? {});
    const components = exported.filter(([, value]) => typeof value === "function");
    if (components.length === 0) throw new Error(`Cannot use island "${name}": it exports no component`);
    for (const [exportName, component] of components) islandByComponent.set(component, { exportName, src });
  });
  const files = snapshot.files.map((file): BuildFile => (
    { ...file, source: typeof file.source === "string" ? new URL(file.source, base) : file.source }
  ));
  return {
    ...snapshot,
    routes: snapshot.routes.map(({ path }, index) => ({ path, module: modules[index] ?? {} })),
    islandByComponent,
    fileByPath: new Map(files.map((file) => [file.path, file])),
  };
}

export const EMPTY_BUILD: Build = readSnapshot(
  { id: "none", mode: "production", root: "", client: null, imports: {}, routes: [], islands: [], files: [] },
  [],
  "file:///",
);
