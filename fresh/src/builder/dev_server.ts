/**
 * The development server. Whenever something changes in the folders of routes, islands, static files and what they
 * import, they are built anew (the browser's half only if it may have changed) and take the place of the last build; then
 * open pages load again, or only their styles. The app goes on meanwhile: what its entry imports is loaded once and keeps
 * its state, so a change of that takes a restart (`deno run --watch`). A change that does not build or load is printed, and
 * shown in place of every page until one does; other requests are answered by the last build that did.
 */
import type { BuildFailure } from "esbuild";
import { existsSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { h } from "preact";
import { renderToString } from "preact-render-to-string";
import { type App, type AppHandler, setBuild } from "../app.ts";
import { type BuildFile, readSnapshot } from "../build.ts";
import { reportUnhandled } from "../context.ts";
import { type Bundled, stopBundler } from "./bundler.ts";
import { LiveReload } from "./live_reload.ts";
import { makeBuild } from "./make_build.ts";
import { findProjectFiles, hashOf } from "./project_files.ts";
import { DEV_FOLDER, findShared, loadServerModules } from "./server_modules.ts";

/** Writes that follow each other so fast are one change. */
const SETTLE_MS = 20;
/** From the root: what is made, or unfinished. */
const NO_SOURCE = /^(\.|_fresh(\/|$)|node_modules(\/|$))/;
/** Other in each run, so that pages load again after a restart. */
const START_ID = crypto.randomUUID();

export class DevServer<State> {
  readonly #app: App<State>;
  readonly #root: string;
  readonly #liveReload = new LiveReload();
  #answer: AppHandler | null = null;
  #problem: string | null = null;
  #shared: string[] | null = null;
  /** The browser's modules of the last build; null when that failed. */
  #bundled: Bundled | null = null;
  /** Sources that only the server's half of the last build was made from: paths from the root. */
  #serverOnly = new Set<string>();
  /** Since the last build: paths from the root. */
  readonly #changed = new Set<string>();
  /** What is watched: the root's own files, and these of its folders with all that lies in them. */
  readonly #folders = new Set(["routes", "islands", "static"]);
  #watched = "";
  #watchers: Deno.FsWatcher[] = [];
  #settling: ReturnType<typeof setTimeout> | undefined;
  #updating = Promise.resolve();

  constructor(app: App<State>, root: string) {
    this.#app = app;
    this.#root = root;
  }

  /** Resolves when the first build is there, or its problem. */
  start(): Promise<void> {
    rmSync(join(this.#root, DEV_FOLDER), { recursive: true, force: true });
    return this.#updating = this.#update();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#settling);
    await this.#updating;
    for (const watcher of this.#watchers) watcher.close();
    await stopBundler();
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
      const { errors = [], message, stack } = error as Partial<BuildFailure>;
      this.#problem = (errors.length > 0 ? message : stack) ?? String(error);
      reportUnhandled(this.#problem);
      this.#liveReload.announce({ pages: `${START_ID}.${hashOf(this.#problem)}`, styles: "" });
      this.#watch(errors.map(({ location }) => location?.file ?? "routes"));
    }
  }

  async #rebuild(): Promise<void> {
    const files = findProjectFiles(this.#root);
    const shared = this.#shared ??= await findShared(this.#root);
    const changed = [...this.#changed];
    this.#changed.clear();
    const isKept = changed.length > 0 && changed.every((path) => this.#serverOnly.has(path) || /^static\//.test(path));
    const making = makeBuild(this.#root, files, "development", isKept ? this.#bundled : null);
    this.#bundled = null;
    const loading = loadServerModules(this.#root, [...files.routes, ...files.islands], shared);
    await Promise.allSettled([making, loading]);
    const [{ snapshot, inputs, bundled }, loaded] = [await making, await loading];
    this.#bundled = bundled;
    this.#serverOnly = new Set(loaded.inputs).difference(new Set(inputs));
    this.#watch([...inputs, ...loaded.inputs]);
    const nameOf = (all: BuildFile[] = []) => hashOf(all.map(({ path, hash }) => path + hash).join());
    const { styles, others } = Object.groupBy(
      snapshot.files,
      ({ path }) => path.endsWith(".css") ? "styles" : "others",
    );
    // Heard by the pages when the new build is in place, because nothing waits until then.
    this.#liveReload.announce({ pages: `${START_ID}.${loaded.hash}.${nameOf(others)}`, styles: nameOf(styles) });
    const shown = { ...snapshot, devScript: this.#liveReload.scriptPath };
    setBuild(this.#app, readSnapshot(shown, loaded.modules, this.#root));
    this.#answer = this.#app.handler();
  }

  /** Watches the folders of all that the build is made from; `sources` by their path from the root. */
  #watch(sources: string[]): void {
    for (const path of sources) this.#folders.add(path.split("/")[0]!);
    const names = [...this.#folders].filter((name) => !NO_SOURCE.test(name));
    const wanted = names.map((name) => join(this.#root, name)).filter((path) => existsSync(path));
    if (wanted.join() === this.#watched) return;
    this.#watched = wanted.join();
    const previous = this.#watchers;
    this.#watchers = [Deno.watchFs(this.#root, { recursive: false }), Deno.watchFs(wanted)];
    for (const watcher of this.#watchers) this.#follow(watcher).catch(reportUnhandled);
    for (const watcher of previous) watcher.close();
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue; // Our own reading.
      const changed = paths.map((path) => relative(this.#root, path)).filter((path) => !NO_SOURCE.test(path));
      if (changed.length === 0) continue;
      for (const path of changed) this.#changed.add(path);
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#updating = this.#updating.then(() => this.#update()), SETTLE_MS);
    }
  }
}
