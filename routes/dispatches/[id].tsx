import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { Alert, type AlertText } from "../../components/Alert.tsx";
import { metadataOfJson } from "../../components/dispatch/metadata_schema.ts";
import type { DispatchDetails } from "../../components/dispatch/details.ts";
import { retryRequestSchema } from "../../core/dispatch/dispatch_request.ts";
import DispatchStory from "../../islands/DispatchStory.tsx";
import { actorOf, noteDone, requireRole } from "../(_shared)/access.ts";
import { define, type State } from "../(_shared)/define.ts";
import { dispatchDetails } from "../(_shared)/dispatch_details.ts";
import { isUuid, readForm } from "../(_shared)/input.ts";
import { canAdminister, canOperate } from "../(_shared)/page.ts";
import { partsOf } from "../(_shared)/parts.ts";
import { refusalProblem } from "../(_shared)/refusal_problem.ts";

interface StoryData {
  details: DispatchDetails;
  problem: AlertText | null;
}

const WAIT_FOR_NOTHING = { wait: "none", waitMs: 1, onWaitTimeout: "continue" } as const;

export const handler = define.handlers({
  /** `as=data`: what the page shows as JSON, for the page itself. */
  async GET(ctx) {
    const details = await detailsOf(ctx.state, ctx.params.id);
    if (ctx.url.searchParams.get("as") === "data") return ctx.json(details);
    return page<StoryData>({ details, problem: null });
  },

  /** The buttons without JavaScript: `action` is cancel or retry. */
  async POST(ctx) {
    const id = ctx.params.id ?? "";
    const refused = requireRole(ctx, "operator", "dispatch.change");
    if (refused) return refused;
    const { dispatcher, config } = partsOf(ctx.state);
    const body = await readForm(ctx.req, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const form = body.value;
    const action = form.get("action");
    if (action !== "retry" && action !== "cancel") throw new HttpError(400, "The form does not say what to do.");
    const isRetry = action === "retry";
    requireRole(ctx, "operator", isRetry ? "dispatch.retry" : "dispatch.cancel");
    const fail = async (problem: AlertText, status: number) =>
      page<StoryData>({ details: await detailsOf(ctx.state, id), problem }, { status });
    if (!isUuid(id)) throw new HttpError(404, "There is no such dispatch.");
    const actor = actorOf(ctx.state.principal);
    if (!isRetry) {
      const result = await dispatcher.cancel(id, actor);
      if (!result.ok) return await fail(...await alertOf(refusalProblem(result.refusal)));
      return ctx.redirect(`/dispatches/${id}`, 303);
    }
    const read = metadataOfJson(String(form.get("metadata") ?? ""));
    const request = retryRequestSchema.safeParse(
      read.ok && read.metadata !== undefined ? { metadata: read.metadata } : {},
    );
    if (!read.ok || !request.success) {
      const detail = read.ok ? "The metadata is not valid." : read.errors.map(({ message }) => message).join(" ");
      return await fail({ title: "The metadata can't be used", detail, remedy: "Correct it and retry." }, 400);
    }
    const requester = { actor, origin: "retry", traceparent: null } as const;
    const result = await dispatcher.retry(id, request.data.metadata, requester, WAIT_FOR_NOTHING);
    if (!result.ok) return await fail(...await alertOf(refusalProblem(result.refusal)));
    noteDone(ctx.state);
    return ctx.redirect(`/dispatches/${result.dispatch.id}`, 303);
  },
});

export default define.page<typeof handler>(({ data: { details, problem }, state }) => (
  <>
    <Head>
      <title>{`${details.dispatch.agent} in ${details.dispatch.room} · Greenroom`}</title>
    </Head>
    {problem && (
      <div class="panel mx-auto mb-4 max-w-[88rem]">
        <Alert {...problem} />
      </div>
    )}
    <DispatchStory
      initial={details}
      csrf={state.csrfToken ?? ""}
      canOperate={canOperate(state)}
      canProfile={canAdminister(state)}
    />
  </>
));

async function detailsOf(state: State, id: string | undefined): Promise<DispatchDetails> {
  const details = id !== undefined && isUuid(id) ? await dispatchDetails(partsOf(state), id) : null;
  if (!details) throw new HttpError(404, "There is no such dispatch.");
  return details;
}

async function alertOf(response: Response): Promise<[AlertText, number]> {
  const { title, detail, remedy } = await response.json();
  return [{ title, detail, remedy }, response.status];
}
