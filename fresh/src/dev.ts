/** The building half of the stand-in for Fresh 2: what `dev.ts` and start-up import as `fresh/dev`. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type App, type ListenOptions, serve, setBuild } from "./app.ts";
import { type Build, readSnapshot } from "./build.ts";
import { bundleForBrowser } from "./builder/browser_modules.ts";
import { Bundler } from "./builder/bundler.ts";
import { DevServer } from "./builder/dev_server.ts";
import { findProjectFiles } from "./builder/project_files.ts";
import { makeSnapshot } from "./builder/snapshot.ts";
import { updateBuild } from "./builder/write_build.ts";
import { reportUnhandled } from "./context.ts";

/** `root` is a path or file URL, the working directory unless given; the other paths are relative to it. */
export interface BuilderOptions {
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

type Mode = Build["mode"];
export type BuildOptions = Required<BuilderOptions> & { mode: Mode };

/** Gives an app what was built. */
export type ApplyBuild = <State>(app: App<State>) => void;

export class Builder {
  readonly #options: BuildOptions;

  constructor(
    { root: given = Deno.cwd(), ignore = [], target = "es2022", sourceMap = false, ...dirs }: BuilderOptions = {},
  ) {
    const root = resolve(given.startsWith("file:") ? fileURLToPath(given) : given);
    this.#options = {
      root,
      outDir: resolve(root, dirs.outDir ?? "_fresh"),
      staticDir: resolve(root, dirs.staticDir ?? "static"),
      islandDir: resolve(root, dirs.islandDir ?? "islands"),
      routeDir: resolve(root, dirs.routeDir ?? "routes"),
      serverEntry: resolve(root, dirs.serverEntry ?? "main.ts"),
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
  async build(options: { snapshot: "memory"; mode?: Mode }): Promise<ApplyBuild>;
  async build(options?: { snapshot?: "disk" }): Promise<void>;
  async build({ snapshot, mode = "production" }: { snapshot?: string; mode?: Mode } = {}): Promise<ApplyBuild | void> {
    if (snapshot !== "memory") return await updateBuild(this.#options);
    const build = await this.#buildInMemory(mode);
    return (app) => setBuild(app, build);
  }

  /**
   * Serves the app that `importApp` gives, built for development and brought up to date while it runs; what the app's entry
   * imports takes a restart. Pages load again by themselves.
   */
  async listen<State>(
    importApp: () => Promise<{ app: App<State> }>,
    options: ListenOptions = {},
  ): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const { app } = await importApp();
    const dev = new DevServer(app, { ...this.#options, mode: "development" });
    await dev.start();
    const server = serve(options, dev.handler);
    server.finished.then(() => dev.stop()).catch(reportUnhandled);
    return server;
  }

  async #buildInMemory(mode: Mode): Promise<Build> {
    await using bundler = new Bundler();
    const options = { ...this.#options, mode };
    const files = findProjectFiles(options);
    const snapshot = makeSnapshot(options, files, await bundleForBrowser(options, files, bundler));
    const modules = [...files.routes, ...files.islands];
    const loaded = await Promise.all(modules.map((file) => import(pathToFileURL(file).href)));
    return readSnapshot(snapshot, loaded, this.#options.root);
  }
}
