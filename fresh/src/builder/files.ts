/** What lies in a project's directories, in an order that does not depend on the file system. */
import { relative } from "node:path";

export interface ProjectFiles {
  /** Paths relative to the routes directory. */
  routes: string[];
  /** Absolute paths. */
  islands: string[];
  /** URL paths. */
  statics: string[];
}

export interface ProjectDirs {
  routeDir: string;
  islandDir: string;
  staticDir: string;
  ignore: readonly RegExp[];
}

const MODULE = /\.(tsx?|jsx?)$/;
const TEST = /[_.]test\.(tsx?|jsx?)$/;

/** Directories that do not exist count as empty. */
export function findProjectFiles({ routeDir, islandDir, staticDir, ignore }: ProjectDirs): ProjectFiles {
  const isModule = (path: string) => MODULE.test(path) && !TEST.test(path) && !ignore.some((each) => each.test(path));
  const underRoutes = listFiles(routeDir).filter(isModule);
  return {
    // "(_name)" is a place for helpers, "(_islands)" one for islands: neither holds routes.
    routes: underRoutes.map((path) => urlPath(routeDir, path)).filter((path) => !/(^|\/)\(_[^/]*\)\//.test(path)),
    islands: [
      ...listFiles(islandDir).filter(isModule),
      ...underRoutes.filter((path) => /(^|\/)\(_islands\)\//.test(urlPath(routeDir, path))),
    ],
    statics: listFiles(staticDir).filter((path) => !ignore.some((each) => each.test(path))).map((path) =>
      `/${urlPath(staticDir, path)}`
    ),
  };
}

/** `path` relative to `from`, with "/" on every system. */
export function urlPath(from: string, path: string): string {
  return relative(from, path).replaceAll("\\", "/");
}

/** A specifier by which a file in `directory` imports `path`. */
export function importPath(directory: string, path: string): string {
  const from = urlPath(directory, path);
  return from.startsWith(".") ? from : `./${from}`;
}

export function listFiles(directory: string, { deep = true } = {}): string[] {
  const found: string[] = [];
  try {
    for (const entry of Deno.readDirSync(directory)) {
      const path = `${directory}/${entry.name}`;
      const isDirectory = entry.isDirectory || (entry.isSymlink && Deno.statSync(path).isDirectory);
      if (!isDirectory) found.push(path);
      else if (deep) found.push(...listFiles(path));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** The first 128 bits of the content's SHA-256, in hexadecimal. */
export async function hashOf(content: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
