import type { DispatchView } from "../../../core/dispatch/dispatch_view.ts";
import { mintParticipantToken } from "../../../core/livekit/tokens.ts";
import { actorOf, noteDone, originOf, requireRole } from "../../(_shared)/access.ts";
import { define } from "../../(_shared)/define.ts";
import { readJson } from "../../(_shared)/input.ts";
import { partsOf } from "../../(_shared)/parts.ts";
import { refusalProblem } from "../../(_shared)/refusal_problem.ts";
import { newIdentity, tokenRequestSchema, type TokenView } from "../../(_shared)/token_views.ts";
import { traceparentOf } from "../../(_shared)/traceparent.ts";

const WAIT_FOR_NOTHING = { wait: "none", waitMs: 1, onWaitTimeout: "continue" } as const;

export const handler = define.handlers({
  /** The dispatch comes first: where it is refused there is no token either. Nobody waits for it here. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "token.create");
    if (refused) return refused;
    const { config, dispatcher, livekit } = partsOf(ctx.state);
    const body = await readJson(ctx.req, tokenRequestSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const { room, identity = newIdentity(), name, metadata, attributes, ttlSeconds } = body.value;
    const { canPublish, canSubscribe } = body.value;
    let dispatch: DispatchView | null = null;
    if (body.value.dispatch !== undefined) {
      const requester = {
        actor: actorOf(ctx.state.principal),
        origin: originOf(ctx.state.principal),
        traceparent: traceparentOf(ctx.req),
      };
      const result = await dispatcher.request({ ...body.value.dispatch, room }, requester, WAIT_FOR_NOTHING);
      if (!result.ok) return refusalProblem(result.refusal);
      dispatch = result.dispatch;
    }
    const expiresAt = new Date(Date.now() + ttlSeconds * 1_000);
    const token = await mintParticipantToken(livekit.credentials(), {
      room,
      identity,
      ...(name === undefined ? {} : { name }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(attributes === undefined ? {} : { attributes }),
      permissions: { canPublish, canSubscribe, canPublishData: canPublish },
      ttlMs: ttlSeconds * 1_000,
    });
    noteDone(ctx.state, room);
    const view: TokenView = {
      token,
      url: livekit.publicUrl,
      room,
      identity,
      expiresAt: expiresAt.toISOString(),
      ...(dispatch === null ? {} : { dispatch }),
    };
    return Response.json(view, { status: 201, headers: { "cache-control": "no-store" } });
  },
});
