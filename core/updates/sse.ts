/** The text of server-sent events (html.spec.whatwg.org, 9.2): one event is an id, a name and one line of JSON. */

const encoder = new TextEncoder();

/** `id` null: a client that reconnects resumes from the id before. */
export function encodeEvent(id: string | null, event: string, data: unknown): Uint8Array {
  // JSON has no raw line breaks, so one data line is always enough.
  return encoder.encode(`${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** A line that clients ignore; it keeps proxies from closing a quiet stream and finds dead connections. */
export function encodeComment(text: string): Uint8Array {
  return encoder.encode(`: ${text}\n\n`);
}

/** How long a browser waits before it reconnects. */
export function encodeRetry(retryMs: number): Uint8Array {
  return encoder.encode(`retry: ${retryMs}\n\n`);
}

export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  if (frames.length === 1 && frames[0]) return frames[0];
  const joined = new Uint8Array(frames.reduce((bytes, frame) => bytes + frame.length, 0));
  let offset = 0;
  for (const frame of frames) {
    joined.set(frame, offset);
    offset += frame.length;
  }
  return joined;
}

/** Headers of a stream of events; `no-transform` also keeps the server from compressing (and so buffering) it. */
export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};
