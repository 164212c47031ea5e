import { matchesGlob } from "../../../../core/dispatch/rules/match_rule.ts";
import { ruleRequestSchema, ruleView } from "../../../../core/dispatch/rules/rule_schema.ts";
import { actorOf, noteDone, requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { readJson, readQuery } from "../../../(_shared)/input.ts";
import { ruleListQuerySchema } from "../../../(_shared)/list.ts";
import { partsOf } from "../../../(_shared)/parts.ts";
import { ruleRefusalProblem } from "../../../(_shared)/rule_answers.ts";

/** Rules, oldest first, which is the order in which they act. `room`: only those whose pattern fits this name. */
export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, ruleListQuerySchema);
    if (!query.ok) return query.response;
    const { room } = query.value;
    const rules = (await partsOf(ctx.state).ruleBook.list())
      .filter(({ roomPattern }) => room === undefined || matchesGlob(roomPattern, room));
    return Response.json({ items: rules.map(ruleView), nextCursor: null });
  },

  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "rule.create");
    if (refused) return refused;
    const { ruleBook, config } = partsOf(ctx.state);
    const body = await readJson(ctx.req, ruleRequestSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const made = await ruleBook.create(body.value, actorOf(ctx.state.principal));
    if (!made.ok) return ruleRefusalProblem(made.refusal);
    noteDone(ctx.state, made.rule.id);
    return Response.json(ruleView(made.rule), {
      status: 201,
      headers: { location: `/api/v1/rules/${made.rule.id}`, "cache-control": "no-store" },
    });
  },
});
