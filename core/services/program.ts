/** The program from its first line to its exit code: settings, data directory, HTTP server, control plane, signals. */
import { isDriversOwn } from "../../db/client.ts";
import { makeApiKey } from "../auth/api_keys.ts";
import { Auth } from "../auth/auth.ts";
import { withSecurityHeaders } from "../auth/security_headers.ts";
import { formatProblems, loadConfig, type LoadedConfig } from "../config/config.ts";
import type { Config } from "../config/settings.ts";
import { VERSION } from "../config/version.ts";
import { type DataDir, DataDirError, openDataDir } from "../lifecycle/data_dir.ts";
import { createLogger, type Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { claimUncaught, reportUncaught } from "../lifecycle/uncaught_errors.ts";
import { ControlPlane } from "./control_plane.ts";
import type { DrainEnd } from "./instance_control.ts";
import { type Handler, type HttpServer, listen, type Serve, serveElsewhere } from "./http_server.ts";
import { runDoctor } from "./doctor.ts";
import { runMigrate } from "./migrate_command.ts";

export interface ProgramOptions {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Folder of deno.json. */
  projectDir: string;
  loadHandler?: () => Promise<Handler>;
  /** In place of our own HTTP server with `loadHandler`. */
  serve?: Serve;
  onControlPlane: (controlPlane: ControlPlane) => void;
}

/**
 * Exit codes: 0 stopped as asked, and every job had ended by itself (also when it was asked while starting) · 1 could not
 * start, or not stop cleanly · 2 settings are wrong · 3 stopped as asked, but the drain's deadline ended running jobs ·
 * 130 a second signal ended running jobs.
 */
const EXIT_FAILED = 1;
const EXIT_BAD_SETTINGS = 2;
const EXIT_JOBS_ENDED = 3;
const EXIT_FORCED = 130;
/** A start that was interrupted: what it was doing is given so long to notice. */
const INTERRUPTED_START_MS = 5_000;

export async function runProgram(options: ProgramOptions): Promise<void> {
  const result = loadConfig(options.env, options.projectDir);
  if (!result.ok) {
    createLogger({ level: "error", format: "text" }).error(formatProblems(result.problems));
    Deno.exit(EXIT_BAD_SETTINGS);
  }
  const { loaded } = result;
  const logger = newLogger(loaded);
  for (const note of loaded.notes) logger.warn(note);
  try {
    switch (options.args[0]) {
      case undefined:
        return await start(options, loaded, logger);
      case "doctor":
        return Deno.exit(
          await runDoctor({
            loaded,
            logger: createLogger({ level: "info", format: loaded.config.logFormat === "json" ? "json" : "text" }),
            projectDir: options.projectDir,
            readEnv: (name) => options.env[name],
          }),
        );
      case "migrate":
        return Deno.exit(await runMigrate({ loaded, logger }));
      default:
        logger.error(`There is no command "${options.args[0]}". Remedy: use doctor or migrate, or nothing to start.`);
        Deno.exit(EXIT_BAD_SETTINGS);
    }
  } catch (error) {
    logger.error(explain(error));
    logger.debug("cause", { error });
    Deno.exit(EXIT_FAILED);
  }
}

async function start(options: ProgramOptions, loaded: LoadedConfig, logger: Logger): Promise<void> {
  const startedAtMs = performance.now();
  const { config } = loaded;
  claimUncaught((error) => {
    if (!isDriversOwn(error)) return false;
    logger.debug("a connection to the database went while it was made", { error });
    return true;
  });
  reportUncaught(logger);
  let built: ControlPlane | null = null;
  const stopped = stopOnSignals(() => built, logger);
  logger.info(`Greenroom ${VERSION} is starting`, { pid: Deno.pid, dataDir: config.dataDir, agents: config.agentsDir });
  const dataDir = await openDataDir(config.dataDir);
  const { key, source } = await adminKey(loaded, dataDir);
  const auth = new Auth({ adminKey: key, config, dataDir: dataDir.path, logger });
  let webhookUrl: string | null = null;
  const controlPlane = new ControlPlane({
    loaded,
    dataDir,
    auth,
    logger,
    projectDir: options.projectDir,
    readEnv: (name) => options.env[name],
    webhookUrl: () => webhookUrl,
    isDevelopment: options.serve !== undefined,
  });
  built = controlPlane;
  options.onControlPlane(controlPlane);
  let server: HttpServer | null = null;
  const starting = (async () => {
    server = await openServer(options, config, logger);
    webhookUrl = `${server.localUrl}/livekit/webhook`;
    await controlPlane.start();
    return server.localUrl;
  })();
  const exit = async (code: number) => {
    await server?.stop();
    dataDir.close();
    Deno.exit(code);
  };
  let url: string | null = null;
  try {
    // A stop does not wait for a start that does not notice it.
    url = await Promise.race([starting, stopped.exitCode.then(() => null)]);
  } catch (error) {
    if (!stopped.isAsked()) {
      logger.error(explain(error));
      logger.debug("cause", { error });
      await controlPlane.stop();
      return await exit(EXIT_FAILED);
    }
    logger.debug("the start was interrupted", { error });
  }
  if (url !== null && !stopped.isAsked()) {
    announce({ logger, url, key, source, elapsedMs: performance.now() - startedAtMs });
    await offerSignInLink(auth, url, logger);
  }
  const exitCode = await stopped.exitCode;
  await settlesWithin(starting, INTERRUPTED_START_MS);
  logger.info("Greenroom has stopped", { exitCode });
  await exit(exitCode);
}

async function openServer({ loadHandler, serve }: ProgramOptions, config: Config, logger: Logger): Promise<HttpServer> {
  if (serve) return await serveElsewhere(serve, config);
  if (!loadHandler) throw new Error("Cannot serve: neither loadHandler nor serve is given");
  const handler = await loadHandler();
  // Pages get theirs from routes/_middleware.ts; files and error pages are answered outside it.
  const hardened: Handler = async (request, info) => withSecurityHeaders(await handler(request, info), null);
  return listen({ config, handler: hardened, logger });
}

/** The first signal drains, the second ends running jobs now. `exitCode` resolves when all is stopped. */
function stopOnSignals(built: () => ControlPlane | null, logger: Logger) {
  const { promise: exitCode, resolve } = Promise.withResolvers<number>();
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    const controlPlane = built();
    if (controlPlane === null) return Deno.exit(0);
    if (signals > 1) return controlPlane.forceStop();
    const running = controlPlane.parts?.runner.count ?? 0;
    logger.info(running > 0 ? "stopping when running jobs have ended; a second signal ends them now" : "stopping", {
      running,
    });
    controlPlane.stop().then((drained) => resolve(exitCodeOf(drained)), (error) => {
      logger.error("could not stop cleanly", { error });
      resolve(EXIT_FAILED);
    });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  return { exitCode, isAsked: () => signals > 0 };
}

function exitCodeOf(drained: DrainEnd | null): number {
  if (drained?.by === "force") return EXIT_FORCED;
  return drained?.by === "deadline" ? EXIT_JOBS_ENDED : 0;
}

async function adminKey({ config }: LoadedConfig, dataDir: DataDir): Promise<{ key: string; source: string }> {
  if (config.apiKey !== null) return { key: config.apiKey, source: "GREENROOM_API_KEY" };
  return { key: await dataDir.secret("api-key", makeApiKey), source: `${dataDir.path}/api-key` };
}

/** The key itself only on a terminal: logs are kept and shipped. */
function announce(
  { logger, url, key, source, elapsedMs }: {
    logger: Logger;
    url: string;
    key: string;
    source: string;
    elapsedMs: number;
  },
): void {
  logger.info(`Greenroom is ready after ${(elapsedMs / 1000).toFixed(1)} s: ${url}`, { keyFile: source });
  if (!Deno.stdout.isTerminal()) return;
  logger.info(
    `Try it: curl -X POST '${url}/api/v1/dispatches?wait=ready' -H 'authorization: Bearer ${key}' -d '{"agent":"echo","room":"hello"}'`,
  );
}

/** Until somebody has signed in: a link that does it once. Printed on a terminal, else its file's path. */
async function offerSignInLink({ link }: Auth, url: string, logger: Logger): Promise<void> {
  const made = await link.make(url);
  if (made === null) return;
  if (Deno.stdout.isTerminal()) return logger.info(`Open the dashboard, once within 15 min: ${made}`);
  await link.store(made);
  logger.info(`Open the dashboard by the link in ${link.path}; it works once, for 15 min`);
}

function newLogger({ config }: LoadedConfig): Logger {
  const format = config.logFormat !== "auto" ? config.logFormat : Deno.stdout.isTerminal() ? "text" : "json";
  return createLogger({ level: config.logLevel, format });
}

/** What went wrong and what to do, from errors that know; the rest by their message. */
function explain(error: unknown): string {
  if (error instanceof DataDirError || hasRemedy(error)) return `${error.message} Remedy: ${error.remedy}`;
  return error instanceof Error ? error.message : String(error);
}

function hasRemedy(error: unknown): error is Error & { remedy: string } {
  return error instanceof Error && typeof (error as { remedy?: unknown }).remedy === "string";
}
