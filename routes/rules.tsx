import { page } from "fresh";
import type { AlertText } from "../components/Alert.tsx";
import type { FieldError } from "../components/dispatch/metadata_schema.ts";
import { Empty } from "../components/Empty.tsx";
import { plural } from "../components/format.ts";
import { Panel } from "../components/Panel.tsx";
import { bodyOfRule, EMPTY_RULE, valuesOfForm } from "../components/rules/form_values.ts";
import { MatchesPanel } from "../components/rules/MatchesPanel.tsx";
import { RuleForm } from "../components/rules/RuleForm.tsx";
import { RulesTable } from "../components/rules/RulesTable.tsx";
import { RuleTestForm } from "../components/rules/RuleTestForm.tsx";
import type { RuleResult } from "../core/dispatch/rules/rule_book.ts";
import { ruleRequestSchema } from "../core/dispatch/rules/rule_schema.ts";
import type { Parts } from "../core/services/control_plane.ts";
import { actorOf, noteDone, requireRole } from "./(_shared)/access.ts";
import { define } from "./(_shared)/define.ts";
import { isUuid, readForm } from "./(_shared)/input.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";
import { invalidInput, problem } from "./(_shared)/problem.ts";
import { ruleRefusalProblem } from "./(_shared)/rule_answers.ts";
import { rulesData } from "./(_shared)/rules_data.ts";

const ACTIONS = { save: "rule.change", enable: "rule.change", disable: "rule.change", delete: "rule.delete" } as const;

export const handler = define.handlers({
  /** `edit` opens a rule in the form; `room` shows which rules fit that name. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    return pageData(
      await rulesData(partsOf(ctx.state), { edit: searchParams.get("edit"), room: searchParams.get("room") }),
    );
  },

  /** The page's forms: `action` save (a new rule without `id`), enable, disable or delete. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "rule.change");
    if (refused) return refused;
    const parts = partsOf(ctx.state);
    const body = await readForm(ctx.req, parts.config.maxBodyBytes);
    if (!body.ok) return body.response;
    const given = String(body.value.get("id") ?? "");
    const id = isUuid(given) ? given : null;
    const action = actionOf(body.value);
    requireRole(ctx, "operator", action === "save" && id === null ? "rule.create" : ACTIONS[action], given);
    const done = await act(parts, { action, id, form: body.value, actor: actorOf(ctx.state.principal) });
    if (done.ok) {
      noteDone(ctx.state, done.rule.id);
      return ctx.redirect("/rules", 303);
    }
    const told = await done.response.clone().json() as AlertText & { errors?: FieldError[] };
    const shown = { errors: told.errors ?? [], problem: told };
    const form = action === "save"
      ? { ...shown, ruleId: id, values: valuesOfForm(body.value) }
      : { ...shown, ruleId: null, values: EMPTY_RULE };
    return page(await rulesData(parts, { form }), {
      status: done.response.status,
      headers: { "cache-control": "no-store" },
    });
  },
});

export default define.page<typeof handler>(({ data, state }) => {
  const { rules, matches, test, agents, form, now } = data;
  const mayChange = canOperate(state);
  const csrf = state.csrfToken ?? "";
  const columns = mayChange ? "xl:grid-cols-[minmax(0,1fr)_26rem]" : "";
  return (
    <div class={`mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] items-start gap-4 ${columns}`}>
      <div class="grid min-w-0 gap-4">
        <Panel
          id="rules"
          title="An agent for rooms named like …"
          class="panel overflow-hidden"
          aside={`${plural(rules.filter(({ isEnabled }) => isEnabled).length, "rule")} on`}
        >
          {rules.length > 0 && <RuleTestForm test={test} rules={rules} />}
          {rules.length === 0
            ? (
              <Empty title="There are no rules">
                <p>A rule puts an agent into each room that starts with a fitting name, without anybody asking.</p>
                {!mayChange && <p>Your role is viewer: an operator can make one.</p>}
              </Empty>
            )
            : <RulesTable rules={rules} test={test} csrf={csrf} canOperate={mayChange} />}
        </Panel>
        <MatchesPanel matches={matches} nowMs={Date.parse(now)} />
      </div>
      {mayChange && <RuleForm form={form} agents={agents} csrf={csrf} />}
    </div>
  );
});

interface FormAction {
  action: keyof typeof ACTIONS;
  id: string | null;
  form: FormData;
  actor: string;
}

async function act(
  { ruleBook }: Parts,
  { action, id, form, actor }: FormAction,
): Promise<{ ok: true; rule: { id: string } } | { ok: false; response: Response }> {
  const answer = (result: RuleResult) =>
    result.ok ? result : { ok: false as const, response: ruleRefusalProblem(result.refusal) };
  if (action === "delete") return answer(await ruleBook.remove(id ?? NO_ID));
  if (action !== "save") return answer(await ruleBook.change(id ?? NO_ID, { isEnabled: action === "enable" }));
  const read = bodyOfRule(valuesOfForm(form));
  if (!read.ok) return { ok: false, response: unreadable(read.errors) };
  const parsed = ruleRequestSchema.safeParse(read.body);
  if (!parsed.success) return { ok: false, response: invalidInput(parsed.error, "body") };
  if (id === null) return answer(await ruleBook.create(parsed.data, actor));
  const { isEnabled: _kept, ...fields } = parsed.data;
  return answer(await ruleBook.change(id, fields));
}

function unreadable(errors: FieldError[]): Response {
  return problem({
    status: 400,
    code: "invalid_request",
    title: "The form can't be read",
    detail: errors.map(({ path, message }) => `${path}: ${message}`).join(" "),
    remedy: "Correct the named fields.",
    errors,
  });
}

const NO_ID = "00000000-0000-0000-0000-000000000000";

function actionOf(form: FormData): keyof typeof ACTIONS {
  const action = String(form.get("action") ?? "");
  return Object.hasOwn(ACTIONS, action) ? action as keyof typeof ACTIONS : "save";
}
