/**
 * Calls LiveKit's server API: Twirp over HTTP with protobuf bodies. Used instead of livekit-server-sdk's clients because
 * those lack `attributes` of CreateDispatch, tagged errors and a limit on every call.
 */
import { retry, SERVER_CALL_DELAYS_MS } from "../resilience/retry.ts";
import { CircuitOpenError, type ServerCircuit } from "./server_circuit.ts";
import { errorFromAnswer, errorFromFailure, isRetryableApiError } from "./api_error.ts";
import { type Credentials, mintServerApiToken } from "./tokens.ts";
import type { VideoGrant } from "livekit-server-sdk";

export interface TwirpCall<Response> {
  service: "RoomService" | "AgentDispatchService";
  method: string;
  request: { toBinary(): Uint8Array };
  response: { fromBinary(bytes: Uint8Array): Response };
  grant: VideoGrant;
  /** Whether the call may be sent again when it is unknown if the first one arrived. */
  isIdempotent: boolean;
  timeoutMs?: number;
  /** Sent also while the circuit is open. */
  isProbe?: boolean;
}

export interface TwirpClientOptions extends Credentials {
  /** ws(s):// or http(s):// */
  url: string;
  /** Limit of one try. */
  timeoutMs: number;
  /** Holds calls back while the server is away; absent: none does. */
  circuit?: ServerCircuit;
}

/** The server's HTTP address; LiveKit serves everything on one port. */
export function toHttpUrl(url: string): string {
  return url.replace(/^ws/, "http").replace(/\/+$/, "");
}

export type TwirpClient = <Response>(call: TwirpCall<Response>) => Promise<Response>;

/** Throws LivekitApiError, nothing else. */
export function createTwirpClient(options: TwirpClientOptions): TwirpClient {
  const base = toHttpUrl(options.url);
  const { circuit } = options;
  return (call) => {
    const send = () => callOnce(base, options, call);
    const attempt = !circuit ? send : () => call.isProbe ? circuit.probe(send) : circuit.run(send);
    if (!call.isIdempotent) return attempt();
    return retry(attempt, {
      delaysMs: SERVER_CALL_DELAYS_MS,
      isRetryable: (error) => isRetryableApiError(error) && !(error instanceof CircuitOpenError),
    });
  };
}

async function callOnce<Response>(
  base: string,
  options: TwirpClientOptions,
  call: TwirpCall<Response>,
): Promise<Response> {
  const { service, method, grant, timeoutMs = options.timeoutMs } = call;
  const token = await mintServerApiToken(options, grant);
  const signal = AbortSignal.timeout(timeoutMs);
  let status: number;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const response = await fetch(`${base}/twirp/livekit.${service}/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/protobuf" },
      body: call.request.toBinary() as Uint8Array<ArrayBuffer>,
      signal,
    });
    status = response.status;
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw errorFromFailure(method, error, { isTimeout: signal.aborted, timeoutMs });
  }
  if (status !== 200) throw errorFromAnswer(method, status, new TextDecoder().decode(bytes));
  try {
    return call.response.fromBinary(bytes);
  } catch (error) {
    throw errorFromFailure(method, new Error("its answer is not LiveKit's", { cause: error }), {
      isTimeout: false,
      timeoutMs,
    });
  }
}
