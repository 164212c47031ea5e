import { define } from "./(_shared)/define.ts";

/** 200 unless starting, draining or without database. LiveKit being away does not take the dashboard out of service. */
export const handler = define.handlers({
  GET(ctx) {
    const readiness = ctx.state.controlPlane.readiness();
    return Response.json(readiness, { status: readiness.ready ? 200 : 503, headers: { "cache-control": "no-store" } });
  },
});
