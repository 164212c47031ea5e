/** What the Rules page shows; types only, nothing of core or db reaches the browser. */
import type { RuleView } from "../../core/dispatch/rules/rule_schema.ts";
import type { AlertText } from "../Alert.tsx";
import type { FieldError } from "../dispatch/metadata_schema.ts";
import type { RuleFormValues } from "./form_values.ts";

export type { RuleView };

export interface RuleMatchRow {
  ruleId: string;
  name: string;
  agent: string;
  at: string;
  dispatchId: string | null;
  /** Null when the dispatch is no longer kept. */
  room: string | null;
  state: string | null;
}

/** Which rules' patterns fit a room's name, by id. */
export interface RuleTest {
  room: string;
  fitting: string[];
}

export interface RulesData {
  now: string;
  rules: RuleView[];
  matches: RuleMatchRow[];
  test: RuleTest | null;
  agents: string[];
  form: {
    /** Null: a new rule. */
    ruleId: string | null;
    values: RuleFormValues;
    errors: FieldError[];
    problem: AlertText | null;
  };
}
