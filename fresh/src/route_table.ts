/**
 * Finds the route of a URL and answers with its chain. Fixed paths first, by exact match with or without one trailing
 * slash; then patterns in registration order: the first that matches wins, even if it lacks the method.
 */
import { STATUS_CODES } from "node:http";
import {
  ANY_METHOD,
  type Chain,
  composeChain,
  covers,
  joinPath,
  type LevelStep,
  type Link,
  pickByMethod,
} from "./chain.ts";
import type { RouteStep } from "./chain.ts";
import type { Context } from "./context.ts";
import { HttpError } from "./http_error.ts";

interface Entry {
  pattern: string;
  /** Null when the pattern is a fixed path. */
  url: URLPattern | null;
  chainByMethod: Map<string, Chain>;
}

export class RouteTable {
  /** By path, as requests name it, or pattern. */
  readonly #entries = new Map<string, Entry>();
  readonly #rootSteps: LevelStep[];

  /** Only what was registered before a route applies to it; the first registration of a method on a pattern wins. */
  constructor(steps: readonly (LevelStep | RouteStep)[], basePath: string) {
    const levelSteps: LevelStep[] = [];
    for (const step of steps) {
      if (step.kind === "route") this.#addRoute(step, levelSteps, basePath);
      else levelSteps.push(step);
    }
    this.#rootSteps = levelSteps.filter(({ level }) => level === "");
  }

  #addRoute(route: RouteStep, steps: readonly LevelStep[], basePath: string): void {
    const pattern = joinPath(basePath, route.pattern);
    const { chainByMethod } = this.#entries.getOrInsertComputed(encodeURI(decodeURI(pattern)), () => {
      const url = /[:*{}()?+\\]/.test(pattern) ? new URLPattern({ pathname: pattern }) : null;
      return { pattern, url, chainByMethod: new Map() };
    });
    if (chainByMethod.has(ANY_METHOD) || chainByMethod.has(route.method)) return;
    chainByMethod.set(route.method, composeChain(steps.filter((step) => covers(step, route)), route.links));
  }

  /** Rejects with what no error page took. */
  answer(ctx: Context<unknown>): Promise<Response> {
    const { pathname } = ctx.url;
    const entry = this.#entries.get(pathname.replace(/(?<=.)\/$/, "")) ??
      this.#entries.values().find(({ url }) => url?.test({ pathname }));
    if (entry === undefined) return this.#fail(ctx, 404);
    const chain = pickByMethod(entry.chainByMethod, ctx);
    if (chain === undefined) {
      if (ctx.req.method !== "OPTIONS") return this.#fail(ctx, 405);
      const headers = { allow: [...entry.chainByMethod.keys()].join(", ") };
      return this.#atRoot(ctx, () => new Response(null, { status: 204, headers }));
    }
    // The groups of "*" and bare expressions have numbers for names.
    for (const [name, value = ""] of Object.entries(entry.url?.exec({ pathname })?.pathname.groups ?? {})) {
      if (!/^\d+$/.test(name)) ctx.params[name] = decodeURI(value);
    }
    ctx.route = entry.pattern;
    return chain(ctx);
  }

  #fail(ctx: Context<unknown>, status: 404 | 405): Promise<Response> {
    return this.#atRoot(ctx, () => Promise.reject(new HttpError(status, STATUS_CODES[status])));
  }

  /** Runs the root level only. */
  #atRoot(ctx: Context<unknown>, link: Link): Promise<Response> {
    return composeChain(this.#rootSteps, [link])(ctx);
  }
}
