/** Refusals of rules, as REST and the Rules page tell them. */
import type { RuleRefusal } from "../../core/dispatch/rules/rule_book.ts";
import { problem } from "./problem.ts";
import { refusalProblem } from "./refusal_problem.ts";

export function ruleRefusalProblem(refusal: RuleRefusal): Response {
  switch (refusal.code) {
    case "unfit_rule":
      return problem({
        status: 422,
        code: refusal.code,
        title: "The rule's parts do not fit each other",
        detail: refusal.errors.map(({ path, message }) => `${path}: ${message}`).join("; "),
        remedy: "Change the named fields, or the rule's event.",
        errors: refusal.errors,
      });
    case "name_taken":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The name is taken",
        detail: `There is another rule named "${refusal.name}".`,
        remedy: "Choose another name, or change that rule.",
        errors: [{ path: "name", message: "is another rule's" }],
      });
    case "too_many_rules":
      return problem({
        status: 409,
        code: refusal.code,
        title: "There are too many rules",
        detail: `There are ${refusal.maxRules} rules already.`,
        remedy: "Delete rules that are no longer used, or let one pattern stand for several.",
      });
    case "rule_not_found":
      return problem({
        status: 404,
        code: refusal.code,
        title: "No such rule",
        detail: `There is no rule ${refusal.ruleId}.`,
        remedy: "Take an id from GET /api/v1/rules.",
      });
    default:
      return refusalProblem(refusal);
  }
}
