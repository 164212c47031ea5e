/**
 * Pages of a development server reload themselves: each page holds an event stream that names the server's start; when
 * the program has been started again (`deno run --watch`), the browser reconnects, sees another name, and reloads.
 */
import { LIVE_RELOAD_SCRIPT } from "../document.ts";
import type { AppHandler } from "../app.ts";
import type { Snapshot } from "../build.ts";

const STREAM_PATH = "/_fresh/live";
const RECONNECT_MS = 50;

const SCRIPT = `let started = null;
const stream = new EventSource(new URL("live", import.meta.url));
stream.onmessage = ({ data }) => {
  if (started !== null && started !== data) location.reload();
  started = data;
};
`;

export function liveReloadFile(startId: string): Snapshot["files"][number] {
  return { path: LIVE_RELOAD_SCRIPT, hash: startId, immutable: false, source: new TextEncoder().encode(SCRIPT) };
}

/** Answers the event stream, and hands everything else on. */
export function withLiveReload(handler: AppHandler, startId: string, basePath: string): AppHandler {
  return (req, info) => {
    if (new URL(req.url).pathname !== basePath + STREAM_PATH) return handler(req, info);
    const first = new TextEncoder().encode(`retry: ${RECONNECT_MS}\ndata: ${startId}\n\n`);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (controller) => controller.enqueue(first) });
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    return Promise.resolve(new Response(body, { headers }));
  };
}
