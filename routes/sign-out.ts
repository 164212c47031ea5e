import { expiredSessionCookie, isHttpsRequest, readSessionCookie } from "../core/auth/session_cookie.ts";
import { define } from "./(_shared)/define.ts";

/** Ends the session, by the form of the dashboard's menu: POST with the field `csrf`. */
export const handler = define.handlers({
  async POST(ctx) {
    const cookie = readSessionCookie(ctx.req.headers);
    ctx.state.audit = { action: "sign_out", target: null };
    if (cookie !== null) await ctx.state.controlPlane.auth.sessions?.close(cookie);
    return new Response(null, {
      status: 303,
      headers: { location: "/sign-in", "set-cookie": expiredSessionCookie(isHttpsRequest(ctx.req)) },
    });
  },
});
