/** The HTTP server: one listener for dashboard, REST and webhooks. */
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";

export type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** Serves in our place (Fresh's Builder, in development); resolves when it listens. */
export type Serve = (address: { hostname: string; port: number }) => Promise<void>;

export interface HttpServer {
  /** http URL on which this machine reaches it. */
  localUrl: string;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 2_000;

/** Throws an error with a remedy when the address can't be used. */
export function listen(
  { config, handler, logger }: { config: Config; handler: Handler; logger: Logger },
): HttpServer {
  const { host, port } = config;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: host,
      port,
      onListen: () => {},
      onError: (error) => {
        logger.error("a request failed outside its route", { error });
        return new Response("Internal Server Error", { status: 500 });
      },
    }, handler);
  } catch (error) {
    throw explain(error, host, port);
  }
  return {
    localUrl: localUrlOf(host, server.addr.port),
    async stop() {
      if (!await settlesWithin(server.shutdown(), STOP_TIMEOUT_MS)) {
        logger.warn("requests did not end in time and are cut");
      }
    },
  };
}

/** For `serve`, which stops with the process. */
export async function serveElsewhere(serve: Serve, { host, port }: Config): Promise<HttpServer> {
  await serve({ hostname: host, port });
  return { localUrl: localUrlOf(host, port), stop: () => Promise.resolve() };
}

function localUrlOf(host: string, port: number): string {
  const isAny = host === "0.0.0.0" || host === "::";
  const name = isAny ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

function explain(error: unknown, host: string, port: number): Error {
  const problem = error instanceof Deno.errors.AddrInUse
    ? {
      message: `Port ${port} on ${host} is in use.`,
      remedy: "stop what listens there, or set PORT to another one (0 takes a free one).",
    }
    : error instanceof Deno.errors.PermissionDenied
    ? {
      message: `Port ${port} needs more rights than this user has.`,
      remedy: "set PORT to 1024 or more, and put a proxy in front.",
    }
    : error instanceof Deno.errors.AddrNotAvailable
    ? {
      message: `This machine has no address ${host}.`,
      remedy: "set HOST to one of its addresses, or unset it for loopback.",
    }
    : {
      message: `Cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : error}.`,
      remedy: "check HOST and PORT.",
    };
  return Object.assign(new Error(problem.message, { cause: error }), { remedy: problem.remedy });
}
