import { expiredSessionCookie, isHttpsRequest, readSessionCookie } from "../core/auth/session_cookie.ts";
import { define } from "./(_shared)/define.ts";

/** Ends the session, by the form of the dashboard's menu: POST with the field `csrf`. */
export const handler = define.handlers({
  async POST(ctx) {
    const cookie = readSessionCookie(ctx.req.headers);
    ctx.state.audit = { action: "sign_out", target: null };
    const { auth, parts, logger } = ctx.state.controlPlane;
    if (cookie !== null) await auth.sessions?.close(cookie);
    // Streams that can't be looked at now are looked at again by the hub's own turn.
    await parts?.hub.endClosed().catch((error) => logger.warn("open streams could not all be checked", { error }));
    return new Response(null, {
      status: 303,
      headers: { location: "/sign-in", "set-cookie": expiredSessionCookie(isHttpsRequest(ctx.req)) },
    });
  },
});
