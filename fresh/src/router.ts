/**
 * Finds the route of a URL. Fixed paths first, by exact match with or without one trailing slash; then patterns in
 * registration order: the first that matches wins, even if it lacks the method.
 */
import type { Chain } from "./chain.ts";

export interface RouteEntry {
  pattern: string;
  chains: Map<string, Chain>;
  /** Takes the methods that `chains` lacks. */
  anyMethod: Chain | null;
  /** Answers 405 to a method it lacks, and OPTIONS; file routes answer 404 to both. */
  isStrict: boolean;
}

export interface RouteMatch {
  entry: RouteEntry;
  params: Record<string, string>;
}

export class Router {
  readonly #fixed = new Map<string, RouteEntry>();
  readonly #patterns: { pattern: URLPattern; entry: RouteEntry }[] = [];
  readonly #byPattern = new Map<string, RouteEntry>();

  /** The first registration of a method on a pattern wins; `method` null stands for all that are not taken yet. */
  add(pattern: string, method: string | null, chain: Chain, isStrict: boolean): void {
    const entry = this.#byPattern.get(pattern) ?? this.#addPattern(pattern, isStrict);
    if (entry.anyMethod !== null) return;
    if (method === null) entry.anyMethod = chain;
    else if (!entry.chains.has(method)) entry.chains.set(method, chain);
  }

  /** Throws URIError when a path parameter holds a malformed escape. */
  match(pathname: string): RouteMatch | null {
    const fixed = this.#fixed.get(fixedKey(pathname));
    if (fixed !== undefined) return { entry: fixed, params: {} };
    for (const { pattern, entry } of this.#patterns) {
      const groups = pattern.exec({ pathname })?.pathname.groups;
      if (groups !== undefined) return { entry, params: decodeParams(groups) };
    }
    return null;
  }

  #addPattern(pattern: string, isStrict: boolean): RouteEntry {
    const entry: RouteEntry = { pattern, chains: new Map(), anyMethod: null, isStrict };
    this.#byPattern.set(pattern, entry);
    if (/[:*{}()?+\\]/.test(pattern)) this.#patterns.push({ pattern: new URLPattern({ pathname: pattern }), entry });
    else this.#fixed.set(fixedKey(encodeURI(decodeURI(pattern))), entry);
    return entry;
  }
}

function fixedKey(pathname: string): string {
  return pathname.length > 1 && pathname.endsWith("/") ? pathname.slice(0, -1) : pathname;
}

function decodeParams(groups: Record<string, string | undefined>): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups)) {
    // Unnamed groups ("*" and bare expressions) have numbers for names.
    if (!/^\d+$/.test(name)) params[name] = value === undefined ? "" : decodeURI(value);
  }
  return params;
}
