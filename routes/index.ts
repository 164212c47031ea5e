import { define } from "./(_shared)/define.ts";

/** A plain page that says what runs; the dashboard takes its place. */
export const handler = define.handlers({
  GET(ctx) {
    const { version, phase, database, livekit } = ctx.state.controlPlane.health();
    const rows = { version, phase, database, livekit: typeof livekit === "string" ? livekit : livekit.state };
    const facts = Object.entries(rows).map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("");
    return ctx.html(
      `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Greenroom</title></head><body><main><h1>Greenroom</h1><p>Runs LiveKit agents and keeps what was promised.</p><dl>${facts}</dl>
<p><a href="/api/v1/openapi.json">REST API</a> · <a href="/health">health</a> · <a href="/ready">ready</a></p></main></body></html>`,
    );
  },
});
