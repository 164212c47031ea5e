import { define } from "../../../../(_shared)/define.ts";
import { answerInstanceAction } from "../../../../(_shared)/instance_actions.ts";

/** The instance takes jobs again; a drain ends (operator). */
export const handler = define.handlers({
  POST: (ctx) => answerInstanceAction(ctx, "uncordon", () => Promise.resolve({ kind: "uncordon" })),
});
