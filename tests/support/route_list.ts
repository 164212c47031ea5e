/** What lies in routes/, so that tests which try every route can't forget a new one. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROUTES = fileURLToPath(new URL("../../routes", import.meta.url));
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

export interface Route {
  /** As openapi.json writes it: /api/v1/jobs/{id}. */
  path: string;
  methods: string[];
}

/** Fresh's file routing: the path is the file; "_" files and "(group)" folders are none. Sorted by path. */
export async function listRoutes(folder = ROUTES): Promise<Route[]> {
  const found: Route[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (/^[_(]/.test(name)) continue;
    const file = join(folder, name);
    if (isDirectory) found.push(...await listRoutes(file));
    else found.push({ path: pathOf(file), methods: await methodsOf(file) });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** The path with an id that nothing has. */
export function withSomeId(path: string): string {
  return path.replaceAll(/\{\w+\}/g, SOME_ID);
}

/** Programs ask there: nobody is sent to the sign-in page from it. */
export function isApiRoute({ path }: Route): boolean {
  return /^\/(api|v1|livekit|health|ready|metrics)(\/|$)/.test(path);
}

function pathOf(file: string): string {
  const path = relative(ROUTES, file).replace(/\.tsx?$/, "").replace(/(^|\/)index$/, "").replace(/\[(\w+)\]/g, "{$1}");
  return `/${path}`;
}

async function methodsOf(file: string): Promise<string[]> {
  const { handler, default: page } = await import(file);
  const methods = typeof handler === "object" ? Object.keys(handler) : page ? [] : METHODS;
  return page && !methods.includes("GET") ? ["GET", ...methods] : methods;
}
