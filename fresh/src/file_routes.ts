/** Turns the files of the routes directory into what an app registers by hand. */
import type { Build } from "./build.ts";
import type { AnyComponent, LayoutConfig } from "./context.ts";
import type { Middleware, Route, RouteConfig, RouteHandler } from "./handlers.ts";
import type { LevelStep } from "./chain.ts";

export interface FileRoute {
  pattern: string;
  /** The directory it lies in: it belongs to this level, whatever its pattern. */
  directory: readonly string[];
  route: Route<unknown>;
}

export type FileStep = LevelStep extends infer Step ? (Step extends LevelStep ? Omit<Step, "order"> : never) : never;

/** Special files of all directories, and the routes, most specific first. Throws when a file exports nothing of use. */
export function readFileRoutes(routes: Build["routes"]): { steps: FileStep[]; routes: FileRoute[] } {
  const steps: FileStep[] = [];
  const found: { sortKey: string[]; route: FileRoute }[] = [];
  for (const { path, module } of routes) {
    const segments = path.replace(/\.[^./]+$/, "").split("/").map(patternSegment);
    const name = segments.pop() ?? "";
    const step = readSpecialFile(path, name, segments, module);
    if (step === null) {
      const route = readRoute(path, segments, name, module);
      found.push({ sortKey: route.pattern.split("/"), route });
    } else steps.push(...step);
  }
  found.sort((a, b) => compareSpecificity(a.sortKey, b.sortKey));
  return { steps, routes: found.map(({ route }) => route) };
}

/** The URL pattern of a file, e.g. `items/[id]/edit` → `/items/:id/edit`; groups `(name)` do not show. */
export function filePattern(directory: readonly string[], name: string): string {
  const segments = [...directory, ...(name === "index" ? [] : [name])];
  const visible = segments.filter((segment) => !/^\(.*\)$/.test(segment));
  return "/" + visible.map(patternSegment).join("/");
}

function patternSegment(segment: string): string {
  return segment.replace(/\[\.\.\.(\w+)\]/g, ":$1*").replace(/\[(\w+)\]/g, ":$1");
}

function readSpecialFile(
  path: string,
  name: string,
  level: readonly string[],
  module: Record<string, unknown>,
): FileStep[] | null {
  switch (name) {
    case "_app":
      return [{ kind: "app", level: [], component: component(path, module) }];
    case "_layout":
      return [{ kind: "layout", level, component: component(path, module), config: configOf<LayoutConfig>(module) }];
    case "_middleware": {
      const middlewares = [module.default ?? module.handler ?? module.handlers].flat();
      if (!middlewares.every((run) => typeof run === "function")) {
        throw new Error(`Cannot use routes/${path}: it must export a function or an array of functions`);
      }
      return middlewares.map((run) => ({ kind: "middleware", level, run: run as Middleware<unknown> }));
    }
    case "_error":
    case "_500":
      return [{ kind: "error", level, route: routeOf(path, module) }];
    case "_404":
      return [{ kind: "notFound", level, route: routeOf(path, module) }];
    default:
      return null;
  }
}

function readRoute(path: string, directory: string[], name: string, module: Record<string, unknown>): FileRoute {
  const route = routeOf(path, module);
  return { pattern: route.config?.routeOverride ?? filePattern(directory, name), directory, route };
}

function routeOf(path: string, module: Record<string, unknown>): Route<unknown> {
  const handler = (module.handler ?? module.handlers) as RouteHandler<unknown, unknown> | undefined;
  if (handler === undefined && module.default === undefined && module.config === undefined) {
    throw new Error(`Cannot use routes/${path}: it exports neither a handler nor a default component nor config`);
  }
  return {
    ...(handler === undefined ? {} : { handler }),
    ...(module.default === undefined ? {} : { component: component(path, module) }),
    config: configOf<RouteConfig>(module),
  };
}

function component(path: string, module: Record<string, unknown>): AnyComponent {
  if (typeof module.default !== "function") {
    throw new Error(`Cannot use routes/${path}: its default export is no component`);
  }
  return module.default as AnyComponent;
}

function configOf<Config extends object>(module: Record<string, unknown>): Config {
  return (module.config ?? {}) as Config;
}

/** Plain names before `[param]` before `[...rest]`, segment by segment; the order of files never matters. */
function compareSpecificity(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const left = a[index] ?? "";
    const right = b[index] ?? "";
    if (left !== right) return rank(left) - rank(right) || (left < right ? -1 : 1);
  }
  return 0;
}

function rank(segment: string): number {
  if (/:\w+\*/.test(segment) || segment === "*") return 2;
  return segment.includes(":") ? 1 : 0;
}
