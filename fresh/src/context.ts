/** One object per request: what handlers, middlewares and pages see of it. */
import type { ComponentChild, ComponentType } from "preact";
import type { Build } from "./build.ts";

export interface FreshConfig {
  basePath?: string;
  mode?: "development" | "production";
  /** Believe `X-Forwarded-Host` and `X-Forwarded-Proto`. */
  trustProxy?: boolean;
}

export interface ResolvedFreshConfig {
  root: string;
  basePath: string;
  mode: "development" | "production";
  trustProxy: boolean;
}

export interface LayoutConfig {
  skipAppWrapper?: boolean;
  skipInheritedLayouts?: boolean;
}

/** A page, layout or app wrapper whose props were checked where it was written. */
export type AnyComponent = (props: never) => unknown;

/** What is in effect at one point of the chain. */
export interface Scope {
  app: AnyComponent | null;
  /** Outermost first. */
  layouts: readonly AnyComponent[];
}

export type RenderFn = (
  ctx: Context<unknown>,
  vnode: ComponentChild,
  init: ResponseInit,
  config: LayoutConfig,
) => Promise<Response>;

export const SCOPE: unique symbol = Symbol("fresh scope");
export const BUILD: unique symbol = Symbol("fresh build");
const NO_SCOPE: Scope = { app: null, layouts: [] };

export interface WebSocketHandlers {
  open?: (socket: WebSocket) => void | Promise<void>;
  message?: (socket: WebSocket, event: MessageEvent) => void | Promise<void>;
  close?: (socket: WebSocket, code: number, reason: string) => void | Promise<void>;
  error?: (socket: WebSocket, event: Event) => void | Promise<void>;
}

export interface WebSocketOptions {
  /** Seconds without an answer to a ping until the socket is closed. */
  idleTimeout?: number;
  protocol?: string;
}

export interface ContextInit {
  req: Request;
  url: URL;
  info: Deno.ServeHandlerInfo;
  config: ResolvedFreshConfig;
  build: Build;
  render: RenderFn;
}

type Chunk = string | Uint8Array;
type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

export class Context<State> {
  readonly req: Request;
  /** The request's URL, runs of slashes collapsed. */
  readonly url: URL;
  readonly config: ResolvedFreshConfig;
  readonly info: Deno.ServeHandlerInfo;
  params: Record<string, string> = {};
  /** The pattern that matched; null on 404. */
  route: string | null = null;
  /** Filled by middlewares: assign its fields, not the object. */
  readonly state: State = {} as State;
  /** What was thrown, for error pages; else null. */
  error: unknown = null;
  readonly isPartial: boolean;
  /** Renders what is inside; of use in layouts and `_app`. */
  Component: ComponentType = () => null;
  /** The rest of the chain. Rejects when something inside throws and no error page inside took it. */
  next: () => Promise<Response> = () => Promise.reject(new Error("Cannot call next: this is the end of the chain"));
  [SCOPE]: Scope = NO_SCOPE;
  readonly [BUILD]: Build;
  readonly #render: RenderFn;

  constructor(init: ContextInit) {
    this.req = init.req;
    this.url = init.url;
    this.info = init.info;
    this.config = init.config;
    this[BUILD] = init.build;
    this.#render = init.render;
    this.isPartial = init.url.searchParams.has(PARTIAL_PARAM);
  }

  /** A document around `vnode`: layouts and app wrapper as registered at this point. */
  render(vnode: ComponentChild, init: ResponseInit = {}, config: LayoutConfig = {}): Promise<Response> {
    return this.#render(this as Context<unknown>, vnode, init, config);
  }

  redirect(to: string, status = 302): Response {
    let location = to;
    if (to.startsWith("/")) {
      const [, path = "", rest = ""] = /^([^?#]*)(.*)$/s.exec(to) ?? [];
      location = path.replace(/[/\\]{2,}/g, "/") + rest;
      if (this.isPartial) location = withPartialParam(location);
    }
    return new Response(null, { status, headers: { location } });
  }

  text(body: string, init: ResponseInit = {}): Response {
    return withType(body, "text/plain;charset=UTF-8", init);
  }

  html(body: string, init: ResponseInit = {}): Response {
    return withType(body, "text/html; charset=utf-8", init);
  }

  json(value: unknown, init: ResponseInit = {}): Response {
    return withType(JSON.stringify(value), "application/json", init);
  }

  /** Sends strings or bytes as they come. A reader that goes away ends the iteration (`return` of the iterator). */
  stream(chunks: Chunks | (() => Chunks), init: ResponseInit = {}): Response {
    const source = typeof chunks === "function" ? chunks() : chunks;
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
      },
      async cancel() {
        await iterator.return?.();
      },
    });
    return new Response(body as BodyInit, init);
  }

  /** Turns the request into a WebSocket; an error thrown by a handler closes it with code 1011. */
  upgrade(handlers: WebSocketHandlers, options: WebSocketOptions = {}): Response {
    if (this.req.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return this.text("This address takes WebSocket connections only", { status: 400 });
    }
    const { socket, response } = Deno.upgradeWebSocket(this.req, options);
    const guarded = async (work: () => void | Promise<void> | undefined) => {
      try {
        await work();
      } catch (error) {
        reportUnhandled(error);
        if (socket.readyState === WebSocket.OPEN) socket.close(1011, "Internal error");
      }
    };
    socket.onopen = () => guarded(() => handlers.open?.(socket));
    socket.onmessage = (event) => guarded(() => handlers.message?.(socket, event));
    socket.onclose = (event) => guarded(() => handlers.close?.(socket, event.code, event.reason));
    socket.onerror = (event) => guarded(() => handlers.error?.(socket, event));
    return response;
  }
}

export const PARTIAL_PARAM = "fresh-partial";

/** Last resort for errors that no error page took. Fresh prints them; so does its stand-in, which knows no logger. */
export function reportUnhandled(error: unknown): void {
  console.error(error);
}

function withPartialParam(location: string): string {
  const url = new URL(location, "http://relative");
  url.searchParams.set(PARTIAL_PARAM, "true");
  return url.pathname + url.search + url.hash;
}

function withType(body: string, type: string, init: ResponseInit): Response {
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("content-type", type);
  return new Response(body, { ...init, headers });
}
