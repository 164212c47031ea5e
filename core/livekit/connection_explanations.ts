/** Why a worker connection failed or was lost, in words, and what to do. Pure, except for the probe. */
import { describeFailure } from "./api_error.ts";
import { toHttpUrl } from "./twirp_client.ts";

export interface Explanation {
  explanation: string;
  remedy: string;
}

const WAIT = "nothing: Greenroom reconnects by itself, and running jobs go on";

/** For an end of a registered connection. Deno says 0 where RFC 6455 says 1006: no close frame came. */
export function explainClose(code: number, reason: string): Explanation {
  const said = reason === "" ? "" : ` ("${reason.slice(0, 200)}")`;
  switch (code) {
    case 1000:
      return { explanation: `the server closed the connection normally${said}`, remedy: WAIT };
    case 1001:
      return { explanation: `the server, or a proxy before it, is shutting down${said}`, remedy: WAIT };
    case 0:
    case 1006:
      return {
        explanation:
          `the connection broke without a goodbye${said}: the server died or restarted, the network failed, or LiveKit ` +
          "refused a message (it never says why)",
        remedy:
          "look whether the LiveKit server runs and into its log; Greenroom reconnects by itself, and running jobs go on",
      };
    case 1009:
      return {
        explanation: `the server found one of our messages too large${said}`,
        remedy:
          "make participant metadata and attributes smaller, or raise the server's limit.agent_signal_message_size_limit",
      };
    case 1011:
      return { explanation: `the server met an internal error${said}`, remedy: "look into the LiveKit server's log" };
    default:
      return {
        explanation: `the connection was closed with code ${code}${said}`,
        remedy: "look into the LiveKit server's log",
      };
  }
}

/** For a peer that stays connected but answers no more WorkerPings. */
export function explainSilence(missedPings: number): Explanation {
  return {
    explanation:
      `the server did not answer ${missedPings} pings in a row: the connection is half open, or the server hangs`,
    remedy: "look whether the LiveKit server and the network between are alive; Greenroom reconnects by itself",
  };
}

/** What an ordinary GET of /agent with the same token gave (livekit.md 1: 404 = the token is good). */
export type AgentProbe =
  | { kind: "answered"; status: number; clockSkewMs: number | null }
  | { kind: "failed"; detail: string };

export type HandshakeFailure =
  /** The WebSocket's error text. */
  | { kind: "refused"; message: string; probe: AgentProbe | null }
  | { kind: "timed_out"; timeoutMs: number }
  /** The connection opened and ended before the server acknowledged our registration. */
  | { kind: "not_registered"; code: number; reason: string };

/** The server tolerates clocks that differ by a minute (livekit.md 1). */
const CLOCK_LEEWAY_MS = 60_000;

export function explainHandshakeFailure(url: string, failure: HandshakeFailure): Explanation {
  switch (failure.kind) {
    case "timed_out":
      return {
        explanation: `${url} did not complete the handshake within ${failure.timeoutMs} ms`,
        remedy: "check LIVEKIT_URL, firewalls and the server's load; LIVEKIT_HANDSHAKE_TIMEOUT_MS is the limit",
      };
    case "not_registered":
      return {
        explanation: `the server ended the connection before it acknowledged the registration: ${
          explainClose(failure.code, failure.reason).explanation
        }`,
        remedy:
          "check the agent's deployment label (at most 64 bytes, no underscore, no space) and the LiveKit server's log",
      };
    case "refused": {
      const status = /status code: (\d{3})/.exec(failure.message)?.[1];
      return status === undefined
        ? explainNoAnswer(url, failure.message, failure.probe)
        : explainStatus(url, Number(status), failure.probe);
    }
  }
}

function explainStatus(url: string, status: number, probe: AgentProbe | null): Explanation {
  switch (status) {
    case 401:
      return explainUnauthorized(probe);
    case 403:
      return {
        explanation:
          "something before the LiveKit server forbids the connection (403): LiveKit itself does not answer that",
        remedy: "let the proxy or firewall pass WebSocket upgrades of /agent",
      };
    case 404:
      return {
        explanation: `there is no agent endpoint at ${url}/agent (404)`,
        remedy:
          "set LIVEKIT_URL to the server's own address without a path; a proxy must pass /agent; the server must be 1.9 or newer",
      };
    default:
      return {
        explanation: `the handshake was answered with HTTP ${status}` +
          (status >= 500 ? ": the server or a proxy before it fails" : ""),
        remedy: "look into the log of the LiveKit server and of any proxy before it",
      };
  }
}

function explainUnauthorized(probe: AgentProbe | null): Explanation {
  if (probe?.kind === "answered" && Math.abs(probe.clockSkewMs ?? 0) > CLOCK_LEEWAY_MS) {
    const seconds = Math.round((probe.clockSkewMs ?? 0) / 1_000);
    return {
      explanation:
        `the server refused our token (401): its clock differs from ours by ${seconds} s, so tokens seem expired or not yet valid`,
      remedy: "set both machines' clocks by NTP",
    };
  }
  if (probe?.kind === "answered" && probe.status === 404) {
    return {
      explanation:
        "the server takes the key and secret but refuses them for agents (401): the token's `agent` grant did not arrive",
      remedy: "check whether a proxy changes the Authorization header or the query",
    };
  }
  return {
    explanation: "the server refused our API key or secret (401)",
    remedy: "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a pair in the server's `keys:`",
  };
}

function explainNoAnswer(url: string, message: string, probe: AgentProbe | null): Explanation {
  const detail = `${message} ${probe?.kind === "failed" ? probe.detail : ""}`;
  const { hostname } = new URL(url);
  if (/dns error|lookup|name or service/i.test(detail)) {
    return {
      explanation: `the host name ${hostname} is not known (DNS)`,
      remedy: "check LIVEKIT_URL and this machine's DNS",
    };
  }
  if (/refused/i.test(detail)) {
    return {
      explanation: `nothing listens at ${url} (connection refused)`,
      remedy: "start the LiveKit server, or correct LIVEKIT_URL",
    };
  }
  if (/certificate|tls|ssl|handshake/i.test(detail)) {
    return {
      explanation: `a secure connection to ${hostname} was not possible: ${detail.trim().slice(0, 300)}`,
      remedy: "check the certificate, or use ws:// if the server has none",
    };
  }
  return {
    explanation: `${url} can't be reached: ${detail.trim().slice(0, 300)}`,
    remedy: "check LIVEKIT_URL, the network and firewalls",
  };
}

/** Never reads the answer's body: livekit-server 1.13.5 repeats the token in it. */
export async function probeAgentEndpoint(url: string, token: string, timeoutMs: number): Promise<AgentProbe> {
  try {
    const response = await fetch(`${toHttpUrl(url)}/agent`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "manual",
    });
    await response.body?.cancel();
    const date = Date.parse(response.headers.get("date") ?? "");
    return { kind: "answered", status: response.status, clockSkewMs: Number.isNaN(date) ? null : date - Date.now() };
  } catch (error) {
    return { kind: "failed", detail: describeFailure(error) };
  }
}
