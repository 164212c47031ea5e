/**
 * One WebSocket to LiveKit's /agent, from handshake to end. Knows bytes, not messages.
 * `ended` settles exactly once: by a close from either side, or by `abandon`, which does not wait for a dead peer.
 */
import type { HandshakeFailure } from "./connection_explanations.ts";
import { toHttpUrl } from "./twirp_client.ts";

export interface SocketEnd {
  code: number;
  reason: string;
}

export interface WorkerSocket {
  readonly ended: Promise<SocketEnd>;
  /** False when the socket is not open: nothing was sent. */
  send(bytes: Uint8Array): boolean;
  /** Says goodbye; `ended` settles when the peer has answered. */
  close(): void;
  /** Settles `ended` at once with `end`; no frame is delivered any more. */
  abandon(end: SocketEnd): void;
}

export type OpenResult = { ok: true; socket: WorkerSocket } | { ok: false; failure: HandshakeFailure };

export interface OpenOptions {
  /** ws(s)://host[:port] */
  url: string;
  token: string;
  timeoutMs: number;
  /** Ends the attempt. */
  signal: AbortSignal;
  onFrame: (frame: unknown) => void;
}

/** Deno's constructor takes headers; the DOM types, which pages need, don't know that. */
const WebSocketWithHeaders = WebSocket as unknown as new (
  url: string,
  options: { headers: Record<string, string> },
) => WebSocket;

/** @returns the open socket, or why there is none; `probe` of the failure is left to the caller. */
export function openWorkerSocket({ url, token, timeoutMs, signal, onFrame }: OpenOptions): Promise<OpenResult> {
  const headers = { authorization: `Bearer ${token}` };
  const endpoint = `${toHttpUrl(url).replace(/^http/, "ws")}/agent?protocol=1`;
  const webSocket = new WebSocketWithHeaders(endpoint, { headers });
  webSocket.binaryType = "arraybuffer";
  return new Promise((resolve) => {
    const settle = (result: OpenResult) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      webSocket.onopen = webSocket.onerror = null;
      if (!result.ok) webSocket.close();
      resolve(result);
    };
    const giveUp = () => settle({ ok: false, failure: { kind: "timed_out", timeoutMs } });
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) return giveUp();
    webSocket.onopen = () => settle({ ok: true, socket: wrap(webSocket, onFrame) });
    webSocket.onerror = (event) => {
      const message = event instanceof ErrorEvent ? event.message : "unknown error";
      settle({ ok: false, failure: { kind: "refused", message, probe: null } });
    };
  });
}

function wrap(webSocket: WebSocket, onFrame: (frame: unknown) => void): WorkerSocket {
  const { promise: ended, resolve } = Promise.withResolvers<SocketEnd>();
  let isOver = false;
  const end = (how: SocketEnd) => {
    isOver = true;
    webSocket.onmessage = webSocket.onclose = null;
    resolve(how);
  };
  webSocket.onmessage = ({ data }) => onFrame(data);
  webSocket.onclose = ({ code, reason }) => end({ code, reason });
  webSocket.onerror = () => {}; // `close` follows and is what counts
  return {
    ended,
    send: (bytes) => {
      if (isOver || webSocket.readyState !== WebSocket.OPEN) return false;
      webSocket.send(bytes as Uint8Array<ArrayBuffer>);
      return true;
    },
    close: () => webSocket.close(1000, "stopping"),
    abandon: (how) => {
      end(how);
      // Deno has no way to drop a socket: this one stays until its peer, or TCP, gives up.
      webSocket.close();
    },
  };
}
