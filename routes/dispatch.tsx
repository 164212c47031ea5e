import { page } from "fresh";
import { bodyOf, emptyValues, type FormValues, valuesOf } from "../components/dispatch/form_values.ts";
import type { FieldError } from "../components/dispatch/metadata_schema.ts";
import type { AlertText } from "../components/Alert.tsx";
import { dispatchRequestSchema } from "../core/dispatch/dispatch_request.ts";
import type { DispatchView } from "../core/dispatch/dispatch_view.ts";
import DispatchDesk, { type DispatchDeskProps } from "../islands/DispatchDesk.tsx";
import { actorOf, noteDone, originOf, requireRole } from "./(_shared)/access.ts";
import { define, type State } from "./(_shared)/define.ts";
import { agentChoices, roomChoices } from "./(_shared)/dispatch_choices.ts";
import { findDispatchView } from "./(_shared)/find_dispatch_view.ts";
import { readForm } from "./(_shared)/input.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";
import { refusalProblem } from "./(_shared)/refusal_problem.ts";

export const handler = define.handlers({
  /** `agent`, `room` and `metadata` prefill the form; `last` shows a dispatch beside it; `from` takes a dispatch's values. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const last = await findDispatchView(partsOf(ctx.state), searchParams.get("last"));
    const from = await findDispatchView(partsOf(ctx.state), searchParams.get("from"));
    const given: Partial<FormValues> = {};
    for (const name of ["agent", "room", "priority", "placement", "participantIdentity"] as const) {
      const value = searchParams.get(name);
      if (value) given[name] = value;
    }
    return pageData(await deskOf(ctx.state, { given, from, last }));
  },

  /** The form without JavaScript. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "dispatch.create");
    if (refused) return refused;
    const { dispatcher, catalog, config } = partsOf(ctx.state);
    const body = await readForm(ctx.req, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const values = valuesOf(body.value);
    const schema = catalog.find(values.agent)?.descriptor?.metadataSchema ?? null;
    const read = bodyOf(values, schema);
    const again = async (errors: FieldError[], problem: AlertText | null, status: number) =>
      page(await deskOf(ctx.state, { given: values, from: null, last: null, errors, problem }), { status });
    if (!read.ok) return await again(read.errors, null, 400);
    const parsed = dispatchRequestSchema.safeParse(read.body);
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message }));
      return await again(errors, null, 400);
    }
    const requester = {
      actor: actorOf(ctx.state.principal),
      origin: originOf(ctx.state.principal),
      traceparent: null,
    } as const;
    const result = await dispatcher.request(parsed.data, requester, {
      wait: "none",
      waitMs: 1,
      onWaitTimeout: "continue",
    });
    if (result.ok) {
      noteDone(ctx.state, result.dispatch.id);
      return ctx.redirect(`/dispatches/${result.dispatch.id}`, 303);
    }
    const response = refusalProblem(result.refusal);
    const { title, detail, remedy, errors = [] } = await response.json();
    return await again(errors, { title, detail, remedy }, response.status);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <DispatchDesk {...data} csrf={state.csrfToken ?? ""} canOperate={canOperate(state)} />
));

async function deskOf(
  state: State,
  { given, from, last, errors = [], problem = null }: {
    given: Partial<FormValues>;
    from: DispatchView | null;
    last: DispatchView | null;
    errors?: FieldError[];
    problem?: AlertText | null;
  },
): Promise<Omit<DispatchDeskProps, "csrf" | "canOperate">> {
  const parts = partsOf(state);
  const [agents, rooms] = await Promise.all([
    agentChoices(parts),
    roomChoices({ ...parts, logger: state.controlPlane.logger }),
  ]);
  const name = given.agent ?? from?.agent;
  const agent = agents.find((each) => each.name === name) ?? agents[0];
  const initial = { ...emptyValues(agent), ...(from ? valuesFrom(from) : {}), ...given, agent: agent?.name ?? "" };
  return { agents, rooms, initial, errors, problem, dispatch: last };
}

/** Another dispatch's values, to be sent again with changes. */
function valuesFrom({ room, priority, placement, metadata, participantIdentity }: DispatchView): Partial<FormValues> {
  const json = metadata === null ? "" : JSON.stringify(metadata, null, 2);
  return { room, priority, placement, metadataAs: "json", json, participantIdentity: participantIdentity ?? "" };
}
