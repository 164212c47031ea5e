/** Turns the files of the routes directory into what an app registers by hand. */
import type { Build } from "./build.ts";
import { errorStep, joinPath, levelOf, type LevelStep, type Link, type RouteStep, routeSteps } from "./chain.ts";
import type { AnyComponent, LayoutConfig, Route } from "./handlers.ts";

/** Special files of all directories, then the routes, most specific first. Throws when a file exports nothing of use. */
export function fileSteps(files: Build["routes"], base: string): (LevelStep | RouteStep)[] {
  const levelSteps: LevelStep[] = [];
  const routes: RouteStep[] = [];
  for (const { path, module } of files) {
    const directory = path.replace(/\.[^./]+$/, "").split("/");
    const name = directory.pop() ?? "";
    const level = levelOf(base, ...directory.map(patternSegment));
    const special = readSpecialFile(path, name, level, module);
    if (special !== null) levelSteps.push(...special.map((step) => ({ ...step, isOfFiles: true })));
    else {
      const route = routeOf(path, module);
      const pattern = joinPath(base, route.config?.routeOverride ?? filePattern(directory, name));
      routes.push(...routeSteps(pattern, route, level));
    }
  }
  const byKey = Map.groupBy(routes, sortKey);
  return [...levelSteps, ...[...byKey.keys()].sort().flatMap((key) => byKey.get(key) ?? [])];
}

/** The URL pattern of a file, e.g. `items/[id]/edit` → `/items/:id/edit`; groups `(name)` do not show. */
export function filePattern(directory: readonly string[], name: string): string {
  const visible = directory.filter((segment) => !/^\(.*\)$/.test(segment));
  return joinPath(...visible.map(patternSegment), name === "index" ? "" : patternSegment(name));
}

function patternSegment(segment: string): string {
  return segment.replace(/\[\.\.\.(\w+)\]/g, ":$1*").replace(/\[(\w+)\]/g, ":$1");
}

type Module = Record<string, unknown>;

function readSpecialFile(path: string, name: string, level: string, module: Module): LevelStep[] | null {
  const { default: main, handler, handlers = handler } = module;
  const { skipAppWrapper, skipInheritedLayouts } = (module.config ?? {}) as LayoutConfig;
  switch (name) {
    case "_app":
      return [{ kind: "scope", level: "", change: ({ layouts }) => ({ app: functionOf(path, main), layouts }) }];
    case "_layout":
      return [{
        kind: "scope",
        level,
        change: ({ app, layouts }) => ({
          app: skipAppWrapper ? null : app,
          layouts: [...skipInheritedLayouts ? [] : layouts, functionOf<AnyComponent>(path, main)],
        }),
      }];
    case "_middleware":
      return [main ?? handlers].flat()
        .map((run) => ({ kind: "middleware", level, run: functionOf<Link>(path, run) }));
    case "_error":
      return [errorStep("error", level, routeOf(path, module))];
    default:
      return null;
  }
}

function routeOf(path: string, { handler, handlers = handler, default: component, config }: Module): Route<unknown> {
  if (handlers === undefined && component === undefined && config === undefined) {
    throw new Error(`Cannot use routes/${path}: it exports neither a handler nor a default component nor config`);
  }
  const route = { handler: handlers, component: component && functionOf(path, component), config: config ?? {} };
  return route as Route<unknown>;
}

function functionOf<Kind>(path: string, value: unknown): Kind {
  if (typeof value === "function") return value as Kind;
  throw new Error(`Cannot use routes/${path}: its export is no function`);
}

/** Plain names before `[param]` before `[...rest]`, segment by segment; the order of files never matters. */
function sortKey({ pattern }: RouteStep): string {
  const rankOf = (segment: string) => /:\w+\*|^\*$/.test(segment) ? 2 : segment.includes(":") ? 1 : 0;
  return pattern.replace(/[^/]+/g, (segment) => rankOf(segment) + segment);
}
