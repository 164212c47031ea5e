/** The address to listen on: free, or answered by a running Greenroom. */
import type { Config } from "../../config/settings.ts";
import { listen } from "../http_server.ts";
import { silentLogger } from "../../lifecycle/logger.ts";
import { type CheckResult, failedBy, ok } from "./check.ts";

const NAME = "port";
const HEALTH_TIMEOUT_MS = 2_000;

/** `isOurs`: the running program that asks listens there. */
export async function checkPort(config: Config, { isOurs = false } = {}): Promise<CheckResult[]> {
  const { host, port } = config;
  if (isOurs) {
    return [ok(NAME, port === 0 ? `this instance listens on ${host}` : `this instance listens on ${host}:${port}`)];
  }
  try {
    const server = listen({ config, handler: () => new Response(null, { status: 503 }), logger: silentLogger });
    await server.stop();
    return [ok(NAME, port === 0 ? `a free one on ${host} will be taken` : `${port} on ${host} is free`)];
  } catch (error) {
    const running = await runningGreenroom(config);
    if (running !== null) return [ok(NAME, `${port} on ${host} is taken by ${running}`)];
    return [failedBy(NAME, error, "Check HOST and PORT.")];
  }
}

/** What the Greenroom that has our port says of itself; null when something else has it. */
async function runningGreenroom({ host, port }: Config): Promise<string | null> {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${name}:${port}/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      redirect: "manual",
    });
    const health = await response.json();
    if (health?.status !== "alive" || typeof health.version !== "string") return null;
    const livekit = health.livekit?.state ?? health.livekit;
    return `a running Greenroom ${health.version} (${health.phase}; database ${health.database}, LiveKit ${livekit})`;
  } catch {
    return null; // no HTTP, no JSON, no answer: not a Greenroom, which is what the caller asks
  }
}
