/**
 * The development server. Whenever something changes in the folders of routes, islands, static files and what they import,
 * they are built anew (the browser's half only if it may have changed) and take the place of the last build; then open
 * pages load again, or only their styles. The app goes on meanwhile: what its entry imports is loaded once and keeps its state, so a change of that takes a
 * restart (`deno run --watch`). A change that does not build or load is printed, and shown in place of every page until
 * one does; other requests are answered by the last build that did.
 */
import type { BuildFailure } from "esbuild";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { h } from "preact";
import { renderToString } from "preact-render-to-string";
import { type App, type AppHandler, setBuild } from "../app.ts";
import { readSnapshot } from "../build.ts";
import { reportUnhandled } from "../context.ts";
import type { BuildOptions } from "../dev.ts";
import { type BrowserBundle, bundleForBrowser } from "./browser_modules.ts";
import { Bundler } from "./bundler.ts";
import { LiveReload } from "./live_reload.ts";
import { findProjectFiles, hashOf } from "./project_files.ts";
import { ServerModuleLoader } from "./server_modules.ts";
import { makeSnapshot } from "./snapshot.ts";

/** Writes that follow each other so fast are one change. */
const SETTLE_MS = 20;
/** Other in each run, so that pages load again after a restart. */
const START_ID = crypto.randomUUID();

export class DevServer<State> {
  readonly #app: App<State>;
  readonly #options: BuildOptions;
  readonly #browserBundler = new Bundler();
  readonly #serverBundler = new Bundler();
  readonly #loader: ServerModuleLoader;
  readonly #liveReload = new LiveReload();
  #answer: AppHandler | null = null;
  #problem: string | null = null;
  /** The browser's half of the last build; null when that failed. */
  #bundle: BrowserBundle | null = null;
  /** What the last build was made from: absolute paths. */
  #inputs = { browser: new Set<string>(), server: new Set<string>() };
  /** Since the last build. */
  #changed = new Set<string>();
  #watcher: Deno.FsWatcher | null = null;
  #watched = "";
  #settling: ReturnType<typeof setTimeout> | undefined;
  #updating = Promise.resolve();

  constructor(app: App<State>, options: BuildOptions) {
    this.#app = app;
    this.#options = options;
    this.#loader = new ServerModuleLoader(options);
  }

  /** Resolves when the first build is there, or its problem. */
  start(): Promise<void> {
    return this.#updating = this.#update();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#settling);
    this.#watcher?.close();
    await this.#updating;
    await this.#browserBundler[Symbol.asyncDispose]();
    await this.#serverBundler[Symbol.asyncDispose]();
  }

  readonly handler: AppHandler = async (req, info) => {
    const response = this.#liveReload.answer(new URL(req.url).pathname);
    if (response !== null) return response;
    const wantsPage = req.headers.get("accept")?.includes("text/html") ?? false;
    if (this.#answer !== null && (this.#problem === null || !wantsPage)) return await this.#answer(req, info);
    const script = (this.#app.config.basePath ?? "") + this.#liveReload.scriptPath;
    const page = h("body", {}, h("pre", {}, this.#problem), h("script", { type: "module", src: script }));
    return new Response(`<!DOCTYPE html><meta charset="utf-8">${renderToString(page)}`, {
      status: 500,
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  };

  async #update(): Promise<void> {
    try {
      await this.#rebuild();
      this.#problem = null;
    } catch (error) {
      const { errors, message, stack } = error as Partial<BuildFailure>;
      this.#problem = (errors === undefined ? stack : message) ?? String(error);
      reportUnhandled(this.#problem);
      this.#bundle = null;
      for (const { location } of errors ?? []) if (location) this.#inputs.server.add(this.#located(location.file));
      this.#liveReload.announce({ pages: `${START_ID}.${hashOf(this.#problem)}`, styles: "" });
    }
    this.#watch();
  }

  async #rebuild(): Promise<void> {
    const files = findProjectFiles(this.#options);
    const changed = [...this.#changed];
    this.#changed.clear();
    const kept = changed.length > 0 && changed.every((path) => this.#isOfServer(path)) ? this.#bundle : null;
    const bundling = kept ?? bundleForBrowser(this.#options, files, this.#browserBundler);
    const loading = this.#loader.load([...files.routes, ...files.islands], this.#serverBundler);
    await Promise.allSettled([bundling, loading]);
    const bundle = this.#bundle = await bundling;
    const { modules, hash, inputs } = await loading;
    const snapshot = makeSnapshot(this.#options, files, bundle);
    const located = (paths: string[]) => new Set(paths.map((path) => this.#located(path)));
    this.#inputs = { browser: located(bundle.inputs), server: located(inputs) };
    const [styles = [], others = []] = [true, false].map((isStyle) =>
      snapshot.files.filter(({ path }) => path.endsWith(".css") === isStyle).map(({ path, hash }) => path + hash)
    );
    // Heard by the pages when the new build is in place, because nothing waits until then.
    this.#liveReload.announce({
      pages: `${START_ID}.${hashOf([hash, ...others].join())}`,
      styles: hashOf(styles.join()),
    });
    setBuild(
      this.#app,
      readSnapshot({ ...snapshot, devScript: this.#liveReload.scriptPath }, modules, this.#options.root),
    );
    this.#answer = this.#app.handler();
  }

  /** A static file, or one that the browser's half was not made from and that is there as before. */
  #isOfServer(path: string): boolean {
    const { browser, server } = this.#inputs;
    if (path.startsWith(join(this.#options.staticDir, "/"))) return true;
    return server.has(path) && !browser.has(path) && existsSync(path);
  }

  #located(path: string): string {
    return resolve(this.#options.root, path);
  }

  /** Watches the folders of all that the build was made from, the root among them. */
  #watch(): void {
    const { root, routeDir, islandDir, staticDir } = this.#options;
    const inputs = [...this.#inputs.browser, ...this.#inputs.server];
    const folders = [
      root,
      ...[routeDir, islandDir, staticDir].flatMap(foldersUnder),
      ...inputs.map((path) => dirname(path)),
    ];
    const wanted = [...new Set(folders)].filter((folder) => existsSync(folder)).sort();
    if (wanted.join() === this.#watched) return;
    const previous = this.#watcher;
    const watcher = this.#watcher = Deno.watchFs(wanted, { recursive: false });
    this.#watched = wanted.join();
    this.#follow(watcher).catch(reportUnhandled);
    if (previous === null) return;
    previous.close();
    this.#onChange(wanted); // Whatever happened in a new folder before it was watched.
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    // Our own reading counts as access.
    for await (const { kind, paths } of watcher) if (kind !== "access") this.#onChange(paths);
  }

  #onChange(paths: string[]): void {
    for (const path of paths) this.#changed.add(path);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#updating = this.#updating.then(() => this.#update()), SETTLE_MS);
  }
}

function foldersUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return [folder, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))];
}
