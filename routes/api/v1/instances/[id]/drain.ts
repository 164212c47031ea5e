import { define } from "../../../../(_shared)/define.ts";
import { readJson } from "../../../../(_shared)/input.ts";
import { answerInstanceAction, drainRequestSchema } from "../../../../(_shared)/instance_actions.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

/** No new jobs; running ones may end until the deadline. Asked again, it moves the deadline (operator). */
export const handler = define.handlers({
  POST: (ctx) =>
    answerInstanceAction(ctx, "drain", async () => {
      const body = await readJson(ctx.req, drainRequestSchema, partsOf(ctx.state).config.maxBodyBytes);
      return body.ok ? { kind: "drain", ...body.value } : body.response;
    }),
});
