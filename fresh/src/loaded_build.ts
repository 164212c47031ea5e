/** A build as one app uses it: static files by path, islands by their component. */
import type { Build, BuildFile } from "./build.ts";

/** A server component that is also a browser module: where the browser finds it. */
export interface IslandEntry {
  name: string;
  exportName: string;
  src: string;
}

export interface LoadedBuild extends Build {
  fileByPath: ReadonlyMap<string, BuildFile>;
  islandByComponent: ReadonlyMap<unknown, IslandEntry>;
}

/** Throws when an island module exports no component. */
export function loadBuild(build: Build): LoadedBuild {
  const islandByComponent = new Map<unknown, IslandEntry>();
  for (const island of build.islands) {
    const components = Object.entries(island.module).filter(([, value]) => typeof value === "function");
    if (components.length === 0) throw new Error(`Cannot use island "${island.name}": it exports no component`);
    for (const [exportName, component] of components) {
      islandByComponent.set(component, { name: island.name, exportName, src: island.src });
    }
  }
  return { ...build, fileByPath: new Map(build.files.map((file) => [file.path, file])), islandByComponent };
}
