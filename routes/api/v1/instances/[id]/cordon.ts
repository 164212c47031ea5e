import { define } from "../../../../(_shared)/define.ts";
import { answerInstanceAction } from "../../../../(_shared)/instance_actions.ts";

/** No new jobs on this instance; what runs goes on (operator). */
export const handler = define.handlers({
  POST: (ctx) => answerInstanceAction(ctx, "cordon", () => Promise.resolve({ kind: "cordon" })),
});
