/** What lies in a project's folders, in an order that does not depend on the file system. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** Paths from the root. */
export interface ProjectFiles {
  routes: string[];
  islands: string[];
  statics: string[];
}

export function findProjectFiles(root: string): ProjectFiles {
  const modulesIn = (folder: string) =>
    listFiles(root, folder).filter((path) => /(?<![_.]test)\.(tsx?|jsx?)$/.test(path));
  const underRoutes = modulesIn("routes");
  return {
    // "(_name)" is a place for helpers, "(_islands)" one for islands: neither holds routes.
    routes: underRoutes.filter((path) => !/\/\(_[^/]*\)\//.test(path)),
    islands: [...modulesIn("islands"), ...underRoutes.filter((path) => path.includes("/(_islands)/"))],
    statics: listFiles(root, "static"),
  };
}

/** Paths from the root. A folder that does not exist counts as empty. */
export function listFiles(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
}

/** The first 128 bits of the content's SHA-256, in hexadecimal. */
export function hashOf(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}
