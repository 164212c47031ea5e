/**
 * Finds the route of a URL and answers with its chain. Fixed paths first, by exact match with or without one trailing
 * slash; then patterns in registration order: the first that matches wins, even if it lacks the method.
 */
import { STATUS_CODES } from "node:http";
import type { Context } from "./context.ts";
import { HttpError } from "./http_error.ts";
import { joinPath } from "./paths.ts";
import { ANY_METHOD, composeChain, covers, pickMethod } from "./steps.ts";
import type { Chain, LevelStep, Link, RouteStep } from "./steps.ts";

interface Entry {
  pattern: string;
  chainByMethod: Map<string, Chain>;
  isStrict: boolean;
}

export class RouteTable {
  readonly #fixed = new Map<string, Entry>();
  readonly #patterns: { url: URLPattern; entry: Entry }[] = [];
  readonly #rootSteps: LevelStep[] = [];

  /** Only what was registered before a route applies to it; the first registration of a method on a pattern wins. */
  constructor(steps: readonly (LevelStep | RouteStep)[], basePath: string) {
    const levelSteps: LevelStep[] = [];
    const entries = new Map<string, Entry>();
    for (const step of steps) {
      if (step.kind !== "route") {
        levelSteps.push(step);
        continue;
      }
      const { method, isStrict, links } = step;
      const pattern = joinPath(basePath, step.pattern);
      const { chainByMethod } = entries.getOrInsert(pattern, { pattern, isStrict, chainByMethod: new Map() });
      if (chainByMethod.has(ANY_METHOD) || chainByMethod.has(method)) continue;
      chainByMethod.set(method, composeChain(levelSteps.filter((each) => covers(each, step)), links));
    }
    this.#rootSteps = levelSteps.filter(({ level }) => level === "");
    for (const [pattern, entry] of entries) {
      if (/[:*{}()?+\\]/.test(pattern)) this.#patterns.push({ url: new URLPattern({ pathname: pattern }), entry });
      else this.#fixed.set(fixedKey(encodeURI(decodeURI(pattern))), entry);
    }
  }

  /** Rejects with what no error page took. */
  answer(ctx: Context<unknown>): Promise<Response> {
    const found = this.#find(ctx.url.pathname);
    if (found === null) return this.#fail(ctx, 404);
    const { pattern, chainByMethod, isStrict } = found.entry;
    const chain = pickMethod((method) => chainByMethod.get(method), ctx) ?? chainByMethod.get(ANY_METHOD);
    if (chain === undefined) {
      if (!isStrict) return this.#fail(ctx, 404);
      if (ctx.req.method !== "OPTIONS") return this.#fail(ctx, 405);
      const headers = { allow: [...chainByMethod.keys()].join(", ") };
      return this.#atRoot(ctx, () => new Response(null, { status: 204, headers }));
    }
    try {
      ctx.params = decodeGroups(found.groups);
    } catch {
      return this.#fail(ctx, 400); // A malformed escape.
    }
    ctx.route = pattern;
    return chain(ctx);
  }

  #find(pathname: string): { entry: Entry; groups: Record<string, string | undefined> } | null {
    const fixed = this.#fixed.get(fixedKey(pathname));
    if (fixed !== undefined) return { entry: fixed, groups: {} };
    for (const { url, entry } of this.#patterns) {
      const groups = url.exec({ pathname })?.pathname.groups;
      if (groups !== undefined) return { entry, groups };
    }
    return null;
  }

  #fail(ctx: Context<unknown>, status: 400 | 404 | 405): Promise<Response> {
    return this.#atRoot(ctx, () => Promise.reject(new HttpError(status, STATUS_CODES[status])));
  }

  /** Runs the root level only. */
  #atRoot(ctx: Context<unknown>, link: Link): Promise<Response> {
    return composeChain(this.#rootSteps, [link])(ctx);
  }
}

function fixedKey(pathname: string): string {
  return pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname;
}

/** The named groups; those of "*" and bare expressions have numbers for names. */
function decodeGroups(groups: Record<string, string | undefined>): Record<string, string> {
  const named = Object.entries(groups).filter(([name]) => !/^\d+$/.test(name));
  return Object.fromEntries(named.map(([name, value]) => [name, decodeURI(value ?? "")]));
}
