/** What lies in a project's directories, in an order that does not depend on the file system. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { BuildOptions } from "../dev.ts";

/** Absolute paths, with "/" on every system. */
export interface ProjectFiles {
  routes: string[];
  islands: string[];
  statics: string[];
}

export function findProjectFiles({ routeDir, islandDir, staticDir, ignore }: BuildOptions): ProjectFiles {
  const isWanted = (path: string) => !ignore.some((each) => each.test(path));
  const modulesIn = (directory: string) =>
    listFiles(directory).filter((path) => /(?<![_.]test)\.(tsx?|jsx?)$/.test(path) && isWanted(path));
  const underRoutes = modulesIn(routeDir).map((path) => ({ path, url: urlPath(routeDir, path) }));
  return {
    // "(_name)" is a place for helpers, "(_islands)" one for islands: neither holds routes.
    routes: underRoutes.filter(({ url }) => !/(^|\/)\(_[^/]*\)\//.test(url)).map(({ path }) => path),
    islands: [
      ...modulesIn(islandDir),
      ...underRoutes.filter(({ url }) => /(^|\/)\(_islands\)\//.test(url)).map(({ path }) => path),
    ],
    statics: listFiles(staticDir).filter(isWanted),
  };
}

/** A directory that does not exist counts as empty. */
export function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** `path` relative to `from`, with "/" on every system. */
export function urlPath(from: string, path: string): string {
  return relative(from, path).replaceAll("\\", "/");
}

/** The first 128 bits of the content's SHA-256, in hexadecimal. */
export function hashOf(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}
