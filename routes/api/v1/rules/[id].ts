import { ruleChangeSchema, ruleView } from "../../../../core/dispatch/rules/rule_schema.ts";
import type { RuleResult } from "../../../../core/dispatch/rules/rule_book.ts";
import { requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { isUuid, readJson } from "../../../(_shared)/input.ts";
import { partsOf } from "../../../(_shared)/parts.ts";
import { ruleRefusalProblem } from "../../../(_shared)/rule_answers.ts";

/** One rule: read, changed (what is given), deleted. Its dispatches go on either way. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const rule = isUuid(id) ? await partsOf(ctx.state).ruleBook.find(id) : null;
    return rule ? Response.json(ruleView(rule)) : noSuchRule(id);
  },

  async PATCH(ctx) {
    const refused = requireRole(ctx, "operator", "rule.change");
    if (refused) return refused;
    const { ruleBook, config } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    const body = await readJson(ctx.req, ruleChangeSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    return isUuid(id) ? answerOf(await ruleBook.change(id, body.value)) : noSuchRule(id);
  },

  async DELETE(ctx) {
    const refused = requireRole(ctx, "operator", "rule.delete");
    if (refused) return refused;
    const id = ctx.params.id ?? "";
    return isUuid(id) ? answerOf(await partsOf(ctx.state).ruleBook.remove(id)) : noSuchRule(id);
  },
});

function answerOf(result: RuleResult): Response {
  return result.ok ? Response.json(ruleView(result.rule)) : ruleRefusalProblem(result.refusal);
}

function noSuchRule(ruleId: string): Response {
  return ruleRefusalProblem({ code: "rule_not_found", ruleId });
}
