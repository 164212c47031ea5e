/**
 * A build: what the Builder found and made, in the form that `_fresh/snapshot.js` (or memory) hands to an app.
 * Without one an app has no file routes, no islands and no static files.
 */

export interface BuildFile {
  /** URL path without the base path, e.g. `/styles.css`. */
  path: string;
  hash: string;
  /** Where the bytes are: a file, or memory. */
  source: URL | Uint8Array<ArrayBuffer>;
  /** The path itself names the content, so it may be cached for ever. */
  immutable?: boolean;
}

export interface BuildIsland {
  name: string;
  /** URL path of the browser module. */
  src: string;
  module: Record<string, unknown>;
}

export interface Build {
  /** Changes with any content a browser may have cached. */
  id: string;
  mode: "development" | "production";
  root: string;
  /** Paths relative to the routes directory, with "/". */
  routes: { path: string; module: Record<string, unknown> }[];
  islands: BuildIsland[];
  /** URL path of the browser's entry module. */
  client: string | null;
  /** Browser modules that the key's module imports statically, for preloading. */
  imports: Record<string, string[]>;
  files: BuildFile[];
}

export const EMPTY_BUILD: Build = {
  id: "none",
  mode: "production",
  root: "",
  routes: [],
  islands: [],
  client: null,
  imports: {},
  files: [],
};
