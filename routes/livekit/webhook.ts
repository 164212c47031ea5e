import { define } from "../(_shared)/define.ts";
import { readText } from "../(_shared)/input.ts";
import { problem } from "../(_shared)/problem.ts";

const MAX_WEBHOOK_BYTES = 1_048_576;

/** LiveKit's webhooks. Open, because LiveKit signs them: a body whose signature does not fit is refused. */
export const handler = define.handlers({
  async POST(ctx) {
    const body = await readText(ctx.req, MAX_WEBHOOK_BYTES);
    if (!body.ok) return body.response;
    const verdict = await ctx.state.controlPlane.receiveWebhook(body.value, ctx.req.headers.get("authorization"));
    if (verdict.ok) return new Response(null, { status: 204 });
    return problem({
      status: 401,
      code: "bad_signature",
      title: "The webhook's signature is not valid",
      detail: `The webhook was refused: ${verdict.reason}`,
      remedy: "Sign webhooks with LIVEKIT_API_KEY (webhook.api_key in the LiveKit server's configuration).",
    });
  },
});
