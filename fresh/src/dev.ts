/** The building half of the stand-in for Fresh 2: what `dev.ts` and start-up import as `fresh/dev`. */
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type App, type ListenOptions, setBuild } from "./app.ts";
import { type Build, readSnapshot, type Snapshot } from "./build.ts";
import { liveReloadFile, withLiveReload } from "./builder/live_reload.ts";
import { makePlan } from "./builder/plan.ts";
import { updateBuild, type WriteOptions } from "./builder/write_build.ts";

export interface BuilderOptions {
  /** The project's directory, a path or file URL; the working directory unless given. The others are relative to it. */
  root?: string;
  outDir?: string;
  staticDir?: string;
  islandDir?: string;
  routeDir?: string;
  serverEntry?: string;
  ignore?: RegExp[];
  /** The oldest browsers to build for, in esbuild's words. */
  target?: string | string[];
  sourceMap?: boolean;
}

/** Gives an app what was built. */
export type ApplyBuild = <State>(app: App<State>) => void;

export class Builder {
  readonly #options: WriteOptions;

  constructor(options: BuilderOptions = {}) {
    const { root = Deno.cwd(), ignore = [], target = "es2022", sourceMap = false } = options;
    const base = resolve(root.startsWith("file:") ? fileURLToPath(root) : root);
    const within = (path: string) => isAbsolute(path) ? path : join(base, path);
    this.#options = {
      root: base,
      outDir: within(options.outDir ?? "_fresh"),
      staticDir: within(options.staticDir ?? "static"),
      islandDir: within(options.islandDir ?? "islands"),
      routeDir: within(options.routeDir ?? "routes"),
      serverEntry: within(options.serverEntry ?? "main.ts"),
      mode: "production",
      ignore,
      target,
      sourceMap,
    };
  }

  /**
   * Brings `_fresh/` up to date; does nothing but compare contents when it is. With `snapshot: "memory"` nothing is
   * written: answers a function that gives an app what was built.
   */
  async build(options: { snapshot: "memory"; mode?: "development" | "production" }): Promise<ApplyBuild>;
  async build(options?: { snapshot?: "disk" }): Promise<void>;
  async build(
    options: { snapshot?: "disk" | "memory"; mode?: "development" | "production" } = {},
  ): Promise<ApplyBuild | void> {
    if (options.snapshot === "memory") {
      const build = await this.#buildInMemory(options.mode ?? "production", []);
      return (app) => setBuild(app, build);
    }
    await updateBuild(this.#options);
  }

  /** Builds for development, then serves the app that `importApp` gives; pages reload when the program starts again. */
  async listen<State>(
    importApp: () => Promise<{ app: App<State> }>,
    options: ListenOptions = {},
  ): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const startId = crypto.randomUUID();
    const build = await this.#buildInMemory("development", [liveReloadFile(startId)]);
    const { app } = await importApp();
    setBuild(app, build);
    return app.listen(options, (handler, basePath) => withLiveReload(handler, startId, basePath));
  }

  async #buildInMemory(mode: Build["mode"], extraFiles: Snapshot["files"]): Promise<Build> {
    const { snapshot, modules } = await makePlan({ ...this.#options, mode });
    const loaded = await Promise.all(modules.map((file) => import(pathToFileURL(file).href)));
    return readSnapshot({ ...snapshot, files: [...snapshot.files, ...extraFiles] }, loaded, import.meta.url);
  }
}
