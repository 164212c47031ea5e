import type { Context } from "fresh";
import { h } from "preact";
import { withSecurityHeaders } from "../core/auth/security_headers.ts";
import { ProblemPage } from "../components/ProblemPage.tsx";
import { actorOf, addressOf, unnamedAction, wantsPage } from "./(_shared)/access.ts";
import { define, type State } from "./(_shared)/define.ts";
import { guardRequest, isWrite } from "./(_shared)/guard.ts";
import { isProblem } from "./(_shared)/problem.ts";

/** Files and built chunks are not answered here: all else may hold what not everybody may see. */
const NO_STORE = [["cache-control", "no-store"]] as const;

/** A request that takes longer may wait for a database that is away: it is looked at (core/coordination/database_watch.ts). */
const SUSPECT_AFTER_MS = 150;

/**
 * Browsers that ask for a page get refusals as one too; programs get problem details. Nobody in particular gets it without
 * navigation, whose figures are not for everybody.
 */
async function asPage(ctx: Context<State>, response: Response): Promise<Response> {
  if (!isProblem(response) || !wantsPage(ctx)) return response;
  const { title, detail, remedy } = await response.json();
  const headers = new Headers(response.headers);
  headers.delete("content-type");
  const skipInheritedLayouts = ctx.state.principal === null;
  const shown = h(ProblemPage, { title, detail, remedy });
  return await ctx.render(shown, { status: response.status, headers }, { skipInheritedLayouts });
}

/** Nothing passes unguarded; what was written or refused is recorded; what was thrown is recorded and thrown on. */
export default define.middleware(async (ctx) => {
  const { parts } = ctx.state.controlPlane;
  let status = 500;
  const slow = setTimeout(() => ctx.state.controlPlane.suspectDatabase(), SUSPECT_AFTER_MS);
  try {
    const response = await guardRequest(ctx) ?? await ctx.next();
    status = response.status;
    return withSecurityHeaders(await asPage(ctx, response), parts?.livekit.publicUrl ?? null, NO_STORE);
  } finally {
    clearTimeout(slow);
    recordInAuditLog(ctx, status);
  }
});

/** Requests of nobody are not recorded: anyone could fill the log. Sign-in records its own. */
function recordInAuditLog(ctx: Context<State>, status: number): void {
  const { principal, audit } = ctx.state;
  const isRefused = status === 401 || status === 403;
  if (principal === null || !(isWrite(ctx.req) || (audit !== undefined && isRefused))) return;
  ctx.state.controlPlane.auth.audit.add({
    actor: actorOf(principal),
    role: principal.role,
    action: audit?.action ?? unnamedAction(ctx),
    target: audit?.target ?? null,
    outcome: isRefused ? "refused" : audit?.outcome ?? (status < 400 ? "ok" : "failed"),
    fields: { method: ctx.req.method, path: ctx.url.pathname.slice(0, 200), status, address: addressOf(ctx.info) },
  });
}
