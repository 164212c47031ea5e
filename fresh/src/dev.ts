/** The building half of the stand-in for Fresh 2: what `dev.ts` and start-up import as `fresh/dev`. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type App, type AppHandler, type ListenOptions, serve, setBuild } from "./app.ts";
import { type Build, type BuildFile, readSnapshot } from "./build.ts";
import { makePlan } from "./builder/plan.ts";
import { updateBuild } from "./builder/write_build.ts";
import { LIVE_RELOAD_SCRIPT } from "./render.ts";

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

  /** Builds for development, then serves the app that `importApp` gives; pages reload when the program starts again. */
  async listen<State>(
    importApp: () => Promise<{ app: App<State> }>,
    options: ListenOptions = {},
  ): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const build = await this.#buildInMemory("development", [liveReloadFile]);
    const { app } = await importApp();
    setBuild(app, build);
    return serve(options, withLiveReload(app.handler()));
  }

  async #buildInMemory(mode: Mode, extraFiles: BuildFile[] = []): Promise<Build> {
    const { snapshot, modules } = await makePlan({ ...this.#options, mode });
    const loaded = await Promise.all(modules.map((file) => import(pathToFileURL(file).href)));
    return readSnapshot({ ...snapshot, files: [...snapshot.files, ...extraFiles] }, loaded, this.#options.root);
  }
}

/*
 * Live reload: each page holds an event stream that names the server's start; when the program has been started again
 * (`deno run --watch`), the browser reconnects, sees another name, and reloads.
 */
const STREAM_PATH = "/_fresh/live";
const RECONNECT_MS = 50;
const START_ID = crypto.randomUUID();

const SCRIPT = `let started = null;
new EventSource(new URL("live", import.meta.url)).onmessage = ({ data }) => {
  if (started !== null && started !== data) location.reload();
  started = data;
};
`;
const source = new TextEncoder().encode(SCRIPT);

const liveReloadFile: BuildFile = { path: LIVE_RELOAD_SCRIPT, hash: START_ID, isImmutable: false, source };

/** Answers the event stream, and hands everything else on. */
function withLiveReload(handler: AppHandler): AppHandler {
  return async (req, info) => {
    if (!new URL(req.url).pathname.endsWith(STREAM_PATH)) return await handler(req, info);
    const first = new TextEncoder().encode(`retry: ${RECONNECT_MS}\ndata: ${START_ID}\n\n`);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (controller) => controller.enqueue(first) });
    return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  };
}
