/** The building half of the stand-in for Fresh 2: what `dev.ts` and start-up import as `fresh/dev`. */
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type App, type ListenOptions, serve, setBuild } from "./app.ts";
import { type Build, readSnapshot } from "./build.ts";
import { stopBundler } from "./builder/bundler.ts";
import { DevServer } from "./builder/dev_server.ts";
import { makeBuild } from "./builder/make_build.ts";
import { findProjectFiles } from "./builder/project_files.ts";
import { updateBuild } from "./builder/write_build.ts";
import { reportUnhandled } from "./context.ts";

/** Gives an app what was built. */
export type ApplyBuild = <State>(app: App<State>) => void;

/** Builds the project at `root`, a path or file URL: `routes/`, `islands/`, `static/`, and `main.ts`, which has the app. */
export class Builder {
  readonly #root: string;

  constructor({ root = Deno.cwd() }: { root?: string } = {}) {
    this.#root = resolve(root.startsWith("file:") ? fileURLToPath(root) : root);
  }

  /**
   * Brings `_fresh/` up to date; does nothing but compare contents when it is. With `snapshot: "memory"` nothing is
   * written: answers a function that gives an app what was built.
   */
  async build(options: { snapshot: "memory"; mode?: Build["mode"] }): Promise<ApplyBuild>;
  async build(options?: { snapshot?: "disk" }): Promise<void>;
  async build(options: { snapshot?: string; mode?: Build["mode"] } = {}): Promise<ApplyBuild | void> {
    if (options.snapshot !== "memory") return await updateBuild(this.#root);
    const files = findProjectFiles(this.#root);
    const { snapshot } = await makeBuild(this.#root, files, options.mode ?? "production").finally(stopBundler);
    const urls = [...files.routes, ...files.islands].map((path) => pathToFileURL(join(this.#root, path)).href);
    const build = readSnapshot(snapshot, await Promise.all(urls.map((url) => import(url))), this.#root);
    return (app) => setBuild(app, build);
  }

  /**
   * Serves the app that `importApp` gives, built for development and brought up to date while it runs; what the app's
   * entry imports takes a restart. Pages load again by themselves.
   */
  async listen<State>(
    importApp: () => Promise<{ app: App<State> }>,
    options: ListenOptions = {},
  ): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const { app } = await importApp();
    const dev = new DevServer(app, this.#root);
    await dev.start();
    const server = serve(options, dev.handler);
    server.finished.then(() => dev.stop()).catch(reportUnhandled);
    return server;
  }
}
