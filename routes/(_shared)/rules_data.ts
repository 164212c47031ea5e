/** What the Rules page shows. */
import { EMPTY_RULE, valuesOfRule } from "../../components/rules/form_values.ts";
import type { RulesData } from "../../components/rules/types.ts";
import { matchesGlob } from "../../core/dispatch/rules/match_rule.ts";
import { ruleView } from "../../core/dispatch/rules/rule_schema.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { listRuleMatches } from "../../db/rules.ts";
import { agentsView } from "./fleet_views.ts";

const MATCHES_SHOWN = 20;

/** @param form what was sent and refused; else the form has the rule `edit`, or a new one. */
export async function rulesData(
  parts: Parts,
  { edit = null, room = null, form = null }: {
    edit?: string | null;
    room?: string | null;
    form?: RulesData["form"] | null;
  },
): Promise<RulesData> {
  const [rows, matches, agents] = await Promise.all([
    parts.ruleBook.list(),
    listRuleMatches(parts.database, MATCHES_SHOWN),
    agentsView(parts),
  ]);
  const rules = rows.map(ruleView);
  const edited = rules.find(({ id }) => id === edit);
  const values = edited ? valuesOfRule(edited) : EMPTY_RULE;
  return {
    now: new Date().toISOString(),
    rules,
    matches: matches.map(({ at, ...match }) => ({ ...match, at: at.toISOString() })),
    test: room === null || room === ""
      ? null
      : { room, fitting: rules.filter(({ roomPattern }) => matchesGlob(roomPattern, room)).map(({ id }) => id) },
    agents: agents.map(({ name }) => name),
    form: form ?? { ruleId: edited?.id ?? null, values, errors: [], problem: null },
  };
}
