/** The LiveKit server: address, reach, key and secret, clocks, and whether our token may register workers. */
import { lookup } from "node:dns/promises";
import { join } from "node:path";
import type { Config } from "../../config/settings.ts";
import { explainHandshakeFailure, probeAgentEndpoint } from "../../livekit/connection_explanations.ts";
import { LivekitServerNotFound, lookForServer } from "../../livekit/find_server.ts";
import type { LivekitServer } from "../../livekit/livekit_server.ts";
import { createServerApi } from "../../livekit/server_api.ts";
import { type Credentials, mintWorkerToken } from "../../livekit/tokens.ts";
import { openWorkerSocket } from "../../livekit/worker_socket.ts";
import { settlesWithin } from "../../lifecycle/supervisor.ts";
import { silentLogger } from "../../lifecycle/logger.ts";
import { type CheckContext, type CheckResult, failed, failedBy, ok, skipped, warned, within } from "./check.ts";

const SERVER = "LiveKit server";
const URL_FORM = "LiveKit URL";
const REACH = "LiveKit reach";
const CREDENTIALS = "LiveKit credentials";
const CLOCK = "LiveKit clock";
const GRANT = "LiveKit agent grant";
/** The Date header counts whole seconds; the server tolerates a minute (livekit.md 1). */
const CLOCK_WARN_MS = 5_000;
const CLOCK_LEEWAY_MS = 60_000;
const GOODBYE_MS = 1_000;
/** With one of these, sockets of our own say nothing about the way that requests take. */
const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

export async function checkLivekit({ loaded: { config }, readEnv, running }: CheckContext): Promise<CheckResult[]> {
  const { livekitUrl, livekitApiKey, livekitApiSecret } = running
    ? { livekitUrl: running.livekit.url, ...credentialsOf(running.livekit) }
    : config;
  if (livekitUrl === null || livekitApiKey === null || livekitApiSecret === null) return [await checkLocal(config)];
  const isProxied = PROXY_VARIABLES.some((name) => (readEnv(name) ?? "") !== "");
  const reach = isProxied
    ? skipped(REACH, "requests go through a proxy")
    : await checkReach(livekitUrl, config.livekitRequestTimeoutMs);
  const results = [checkUrl(livekitUrl), reach];
  if (reach.status === "failed") {
    return [...results, ...[CREDENTIALS, CLOCK, GRANT].map((name) => skipped(name, "the server can't be reached"))];
  }
  const credentials = { apiKey: livekitApiKey, apiSecret: livekitApiSecret };
  return [
    ...results,
    await checkCredentials(livekitUrl, credentials, config.livekitRequestTimeoutMs),
    await checkClock(livekitUrl, credentials, config.livekitRequestTimeoutMs),
    await checkGrant(livekitUrl, credentials, config.livekitHandshakeTimeoutMs),
  ];
}

function credentialsOf({ credentials }: LivekitServer) {
  const { apiKey: livekitApiKey, apiSecret: livekitApiSecret } = credentials();
  return { livekitApiKey, livekitApiSecret };
}

/** Which program a start would use; nothing is built here. */
async function checkLocal({ livekitServerPath, dataDir }: Config): Promise<CheckResult> {
  try {
    const sight = await lookForServer({
      serverPath: livekitServerPath,
      cacheDir: join(dataDir, "livekit"),
      logger: silentLogger,
    });
    if (sight.kind === "found") {
      const { path, version, source } = sight.program;
      return ok(SERVER, `LIVEKIT_URL is not set; a start runs ${path} (${version ?? "unknown version"}, ${source})`);
    }
    return warned(
      SERVER,
      `LIVEKIT_URL is not set, and there is no livekit-server yet; the first start builds one with ${sight.go}`,
      "Nothing has to be done: it takes some minutes, once. Or set LIVEKIT_URL, or install livekit-server on PATH.",
    );
  } catch (error) {
    if (!(error instanceof LivekitServerNotFound)) throw error;
    const [problem = "", ...ways] = error.message.split("\n");
    return failed(SERVER, problem.replace(/\. Do one of these:$/, ""), ways.map((way) => way.trim()).join(" "));
  }
}

export function checkUrl(url: string): CheckResult {
  const { pathname } = new URL(url);
  if (pathname === "/") return ok(URL_FORM, url);
  return warned(URL_FORM, `${url} has a path`, "Set LIVEKIT_URL to the server's own address without a path.");
}

/** DNS, TCP, TLS, one after another, so that the one that fails can be named. */
async function checkReach(url: string, timeoutMs: number): Promise<CheckResult> {
  const { hostname: bracketed, port: given, protocol } = new URL(url);
  const hostname = bracketed.replace(/^\[|\]$/g, "");
  const port = Number(given === "" ? (protocol === "wss:" ? 443 : 80) : given);
  let stage = { name: "DNS", remedy: "Check the host in LIVEKIT_URL, and this machine's DNS." };
  try {
    const { address } = await within(lookup(hostname), timeoutMs);
    stage = { name: "TCP", remedy: "Start the LiveKit server, or correct LIVEKIT_URL; check firewalls." };
    using connection = await Deno.connect({ hostname, port, signal: AbortSignal.timeout(timeoutMs) });
    if (protocol === "ws:") return ok(REACH, `${hostname} (${address}) port ${port} answers`);
    stage = { name: "TLS", remedy: "Check the server's certificate, or use ws:// if the server has none." };
    using secure = await startTls(connection, hostname, timeoutMs);
    await within(secure.handshake(), timeoutMs);
    return ok(REACH, `${hostname} (${address}) port ${port} answers with a valid certificate`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failed(REACH, `${stage.name} to ${hostname} port ${port} failed: ${message}`, stage.remedy);
  }
}

function startTls(connection: Deno.TcpConn, hostname: string, timeoutMs: number): Promise<Deno.TlsConn> {
  return within(Deno.startTls(connection, { hostname }), timeoutMs);
}

async function checkCredentials(url: string, credentials: Credentials, timeoutMs: number): Promise<CheckResult> {
  const health = await createServerApi({ url, ...credentials, timeoutMs }).checkHealth();
  return health.ok
    ? ok(CREDENTIALS, `ListRooms answered in ${Math.round(health.elapsedMs)} ms`)
    : failed(CREDENTIALS, health.error.message, health.error.remedy);
}

async function checkClock(url: string, credentials: Credentials, timeoutMs: number): Promise<CheckResult> {
  const probe = await probeAgentEndpoint(url, await mintWorkerToken(credentials), timeoutMs);
  return judgeClock(probe.kind === "answered" ? probe.clockSkewMs : null);
}

/** @param skewMs the server's clock minus ours; null when it did not say. */
export function judgeClock(skewMs: number | null): CheckResult {
  if (skewMs === null) return skipped(CLOCK, "the server does not say its time");
  const remedy = "Set both machines' clocks by NTP.";
  const difference = `the server's clock differs from ours by ${Math.round(skewMs / 1000)} s`;
  if (Math.abs(skewMs) > CLOCK_LEEWAY_MS) return failed(CLOCK, `${difference}; tokens are refused`, remedy);
  if (Math.abs(skewMs) > CLOCK_WARN_MS) return warned(CLOCK, difference, remedy);
  return ok(CLOCK, "agrees with ours");
}

/** A handshake on /agent that registers nothing: the server checks the grant before it upgrades the connection. */
async function checkGrant(url: string, credentials: Credentials, timeoutMs: number): Promise<CheckResult> {
  const token = await mintWorkerToken(credentials);
  try {
    const opened = await openWorkerSocket({
      url,
      token,
      timeoutMs,
      signal: new AbortController().signal,
      onFrame: () => {},
    });
    if (opened.ok) {
      opened.socket.close();
      await settlesWithin(opened.socket.ended, GOODBYE_MS);
      return ok(GRANT, "workers may register");
    }
    const { failure } = opened;
    const probed = failure.kind === "refused"
      ? { ...failure, probe: await probeAgentEndpoint(url, token, timeoutMs) }
      : failure;
    const { explanation, remedy } = explainHandshakeFailure(url, probed);
    return failed(GRANT, explanation, remedy);
  } catch (error) {
    return failedBy(GRANT, error, "Check LIVEKIT_URL.");
  }
}
