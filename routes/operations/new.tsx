/**
 * A bulk operation before it begins: how many it would be done to, to which, and why not to the others. Plain forms: the
 * Jobs and Recover pages lead here, and its button names the count that is then done, or asks again when that has changed.
 */
import { page } from "fresh";
import { Alert, type AlertText } from "../../components/Alert.tsx";
import { PreviewPanel } from "../../components/operations/PreviewPanel.tsx";
import type { BulkPreview } from "../../components/operations/types.ts";
import { bulkRequestSchema, MAX_ITEMS_PER_SECOND } from "../../core/dispatch/bulk/bulk_request.ts";
import { uuidv7 } from "../../core/lifecycle/uuid.ts";
import { actorOf, noteDone, originOf, requireRole } from "../(_shared)/access.ts";
import { bulkRefusalProblem, wishOf } from "../(_shared)/bulk_answers.ts";
import { define, type State } from "../(_shared)/define.ts";
import { readForm } from "../(_shared)/input.ts";
import { canOperate } from "../(_shared)/page.ts";
import { partsOf } from "../(_shared)/parts.ts";
import { invalidInput } from "../(_shared)/problem.ts";

interface NewOperationData {
  preview: BulkPreview | null;
  /** What was asked for, to be sent once more with the confirmation. */
  fields: [name: string, value: string][];
  /** Of the operation: the form sent twice begins one. */
  id: string;
  problem: AlertText | null;
}

/** What says what to do, and to which. */
const FIELDS = ["kind", "id", "query", "group", "since"];

export const handler = define.handlers({
  /** `kind`, and `query` or `group` with `since`. */
  async GET(ctx) {
    return await previewOf(ctx.state, ctx.url.searchParams, null);
  },

  /** The same, or `id` of each dispatch; with `confirm` it is begun, if it is still `expected` ones. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "bulk.preview");
    if (refused) return refused;
    const { bulk, config } = partsOf(ctx.state);
    const body = await readForm(ctx.req, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const form = new URLSearchParams([...body.value].map(([name, value]) => [name, String(value)]));
    if (!form.has("confirm")) return await previewOf(ctx.state, form, null);
    requireRole(ctx, "operator", "bulk.create");
    const request = bulkRequestSchema.safeParse(requestOf(form));
    if (!request.success) return await previewOf(ctx.state, form, invalidInput(request.error, "body"));
    const wish = wishOf(request.data, new Date());
    if (!wish.ok) return await previewOf(ctx.state, form, wish.response);
    const { principal } = ctx.state;
    const asker = { actor: actorOf(principal), origin: originOf(principal) };
    const { id, itemsPerSecond, expectedCount: expected } = request.data;
    const made = await bulk.operations.create(wish.value, asker, { id, itemsPerSecond, expected });
    if (!made.ok) return await previewOf(ctx.state, form, bulkRefusalProblem(made.refusal));
    noteDone(ctx.state, made.value.operation.id);
    return ctx.redirect(`/operations/${made.value.operation.id}`, 303);
  },
});

export default define.page<typeof handler>(({ data: { preview, fields, id, problem }, state }) => (
  <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
    {problem && <Alert {...problem} />}
    {preview && (
      <PreviewPanel
        preview={preview}
        fields={fields}
        id={id}
        csrf={state.csrfToken ?? ""}
        canOperate={canOperate(state)}
        maxItemsPerSecond={MAX_ITEMS_PER_SECOND}
      />
    )}
  </div>
));

/** The page, with what is wrong. A preview that can't be made is that, too. */
async function previewOf(state: State, form: URLSearchParams, refused: Response | null) {
  const shown: NewOperationData = {
    preview: null,
    fields: [...form].filter(([name]) => FIELDS.includes(name)),
    id: uuidv7(),
    problem: null,
  };
  const request = bulkRequestSchema.safeParse(requestOf(form, true));
  const wish = request.success
    ? wishOf(request.data, new Date())
    : { ok: false as const, response: invalidInput(request.error, "query") };
  let failed = refused;
  if (wish.ok) {
    const made = await partsOf(state).bulk.operations.preview(wish.value, request.data?.itemsPerSecond);
    if (made.ok) shown.preview = made.value;
    else failed ??= bulkRefusalProblem(made.refusal);
  } else failed ??= wish.response;
  if (failed) {
    const { title, detail, remedy } = await failed.json();
    shown.problem = { title, detail, remedy };
  }
  return page(shown, { status: failed?.status ?? 200, headers: { "cache-control": "no-store" } });
}

/** The form as REST takes it. */
function requestOf(form: URLSearchParams, isPreview = false): unknown {
  const text = (name: string) => form.get(name) ?? undefined;
  const number = (name: string) => form.has(name) ? Number(form.get(name)) : undefined;
  const group = text("group");
  return {
    kind: text("kind"),
    ids: form.has("id") ? form.getAll("id") : undefined,
    query: text("query"),
    group: group === undefined ? undefined : { fingerprint: group, since: text("since") },
    ...(isPreview ? {} : { id: text("operation"), expectedCount: number("expected") }),
    itemsPerSecond: number("pace"),
  };
}
