/**
 * Greenroom's one program. `deno task start` runs it; `deno run -A main.ts doctor | migrate` do what their names say.
 *
 * Fresh's builders import this file for `app`; only when it is the main module does it run. It must not await at its top
 * level: the built server entry, which `run` imports, imports this file again.
 */
import { App, staticFiles } from "fresh";
import type { State } from "./routes/(_shared)/define.ts";
import { updateStyles } from "./core/services/styles.ts";
import { runProgram } from "./core/services/program.ts";
import type { Serve } from "./core/services/http_server.ts";
import type { ControlPlane } from "./core/services/control_plane.ts";

let controlPlane: ControlPlane | null = null;

export const app = new App<State>();
app.use(staticFiles());
app.use(async (ctx) => {
  if (!controlPlane) return ctx.json({ status: "starting" }, { status: 503 });
  ctx.state.controlPlane = controlPlane;
  ctx.state.principal = null;
  return await ctx.next();
});
app.fsRoutes();

/** Builds what is out of date in `_fresh/` and static/app.css, and gives the handler that serves it. */
async function loadHandler(): Promise<(request: Request, info: Deno.ServeHandlerInfo) => Promise<Response>> {
  const { Builder } = await import("fresh/dev");
  await updateStyles(import.meta.dirname!);
  await new Builder({ root: import.meta.dirname! }).build();
  const entry = new URL("./_fresh/server.js", import.meta.url).href;
  const { default: server } = await import(entry);
  return server.fetch;
}

/** Runs the program; `serve` replaces our own HTTP server (dev.ts: Fresh's Builder serves). */
export function run(serve?: Serve): Promise<void> {
  return runProgram({
    args: serve ? [] : Deno.args,
    env: Deno.env.toObject(),
    projectDir: import.meta.dirname!,
    ...(serve ? { serve } : { loadHandler }),
    onControlPlane: (started) => controlPlane = started,
  });
}

if (import.meta.main) void run();
