/** One object per request: what handlers, middlewares and pages see of it. */
import type { ComponentChildren } from "preact";
import { INTERNALS, type Internals, type LayoutConfig } from "./handlers.ts";
import { PARTIAL_PARAM } from "./markers.ts";
import { renderDocument } from "./render.ts";

export interface ResolvedFreshConfig {
  root: string;
  basePath: string;
  mode: "development" | "production";
  /** Believe `X-Forwarded-Host` and `X-Forwarded-Proto`. */
  trustProxy: boolean;
}
export type FreshConfig = Partial<Omit<ResolvedFreshConfig, "root">>;

export interface WebSocketHandlers {
  open?: (socket: WebSocket) => void | Promise<void>;
  message?: (socket: WebSocket, event: MessageEvent) => void | Promise<void>;
  close?: (socket: WebSocket, code: number, reason: string) => void | Promise<void>;
  error?: (socket: WebSocket, event: Event) => void | Promise<void>;
}

/** `idleTimeout`: seconds without an answer to a ping until the socket is closed. */
export type WebSocketOptions = Pick<Deno.UpgradeWebSocketOptions, "idleTimeout" | "protocol">;

type Chunk = string | Uint8Array;
type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

export class Context<State> {
  params: Record<string, string> = {};
  /** The pattern that matched; null on 404. */
  route: string | null = null;
  /** Filled by middlewares: assign its fields, not the object. */
  readonly state: State = {} as State;
  /** What was thrown, for error pages; else null. */
  error: unknown = null;
  readonly isPartial: boolean;
  /** The rest of the chain. Rejects when something inside throws and no error page inside took it. */
  next!: () => Promise<Response>;
  readonly [INTERNALS]: Internals;

  /** `url` is the request's, runs of slashes collapsed. */
  constructor(
    readonly req: Request,
    readonly url: URL,
    readonly info: Deno.ServeHandlerInfo,
    readonly config: ResolvedFreshConfig,
    internals: Internals,
  ) {
    this.isPartial = url.searchParams.has(PARTIAL_PARAM);
    this[INTERNALS] = internals;
  }

  /** A document around `vnode`: layouts and app wrapper as registered at this point. */
  render(vnode: ComponentChildren, init: ResponseInit = {}, config: LayoutConfig = {}): Promise<Response> {
    return renderDocument(this as Context<unknown>, vnode, init, config);
  }

  /** A path stays on this host: runs of slashes, which would name another, are collapsed. */
  redirect(to: string, status = 302): Response {
    let location = to;
    if (to.startsWith("/")) {
      // Browsers drop tabs and line ends, and so does URL: they must not hide a slash from us.
      const path = to.replace(/[\t\r\n]/g, "").replace(/^[^?#]*/, (path) => path.replace(/[/\\]{2,}/g, "/"));
      const url = new URL(path, this.url);
      if (this.isPartial) url.searchParams.set(PARTIAL_PARAM, "true");
      location = url.href.slice(url.origin.length);
    }
    return new Response(null, { status, headers: { location } });
  }

  text(body: string, init?: ResponseInit): Response {
    return new Response(body, init);
  }

  html(body: string, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "text/html; charset=utf-8");
    return new Response(body, { ...init, headers });
  }

  json(value: unknown, init?: ResponseInit): Response {
    return Response.json(value, init);
  }

  /** Sends strings or bytes as they come. A reader that goes away ends the iteration (`return` of the iterator). */
  stream(chunks: Chunks | (() => Chunks), init?: ResponseInit): Response {
    const source = ReadableStream.from(typeof chunks === "function" ? chunks() : chunks).getReader();
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await source.read();
        if (done) controller.close();
        else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
      },
      cancel: (reason) => source.cancel(reason),
    });
    return new Response(body as BodyInit, init);
  }

  /** Turns the request into a WebSocket; an error thrown by a handler closes it with code 1011. */
  upgrade(handlers: WebSocketHandlers, options: WebSocketOptions = {}): Response {
    if (this.req.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return this.text("This address takes WebSocket connections only", { status: 400 });
    }
    const { socket, response } = Deno.upgradeWebSocket(this.req, options);
    const guarded = (work: () => void | Promise<void> | undefined) =>
      Promise.try(work).catch((error) => {
        reportUnhandled(error);
        if (socket.readyState === WebSocket.OPEN) socket.close(1011, "Internal error");
      });
    socket.onopen = () => guarded(() => handlers.open?.(socket));
    socket.onmessage = (event) => guarded(() => handlers.message?.(socket, event));
    socket.onclose = (event) => guarded(() => handlers.close?.(socket, event.code, event.reason));
    socket.onerror = (event) => guarded(() => handlers.error?.(socket, event));
    return response;
  }
}

/** Last resort for errors that no error page took. Fresh prints them; so does its stand-in, which knows no logger. */
export function reportUnhandled(error: unknown): void {
  console.error(error);
}
