import { HttpError } from "fresh";
import type { OperationData } from "../../components/operations/types.ts";
import { BULK_ITEM_STATES, viewOfBulkItem, viewOfBulkOperation } from "../../core/dispatch/bulk/bulk_request.ts";
import OperationBoard from "../../islands/OperationBoard.tsx";
import { requireRole } from "../(_shared)/access.ts";
import { define, type State } from "../(_shared)/define.ts";
import { isUuid } from "../(_shared)/input.ts";
import { canOperate, pageData } from "../(_shared)/page.ts";
import { partsOf } from "../(_shared)/parts.ts";

const PAGE_SIZE = 50;

/** One bulk operation. */
export const handler = define.handlers({
  /** `state`: only these items; `as=data`: what the page shows as JSON, for the page itself. */
  async GET(ctx) {
    const data = await operationOf(ctx.state, ctx.params.id ?? "", ctx.url.searchParams);
    return ctx.url.searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },

  /** The Abort button without JavaScript. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "bulk.abort");
    if (refused) return refused;
    const id = ctx.params.id ?? "";
    const aborted = isUuid(id) ? await partsOf(ctx.state).bulk.operations.abort(id) : null;
    if (!aborted?.ok) throw noSuchOperation();
    return ctx.redirect(`/operations/${id}`, 303);
  },
});

export default define.page<typeof handler>(({ data, state, url }) => {
  const here = new URLSearchParams(url.search);
  here.set("as", "data");
  return (
    <OperationBoard
      initial={data}
      dataUrl={`${url.pathname}?${here}`}
      csrf={state.csrfToken ?? ""}
      canOperate={canOperate(state)}
    />
  );
});

async function operationOf(state: State, id: string, query: URLSearchParams): Promise<OperationData> {
  const { operations } = partsOf(state).bulk;
  const operation = isUuid(id) ? await operations.find(id) : null;
  if (!operation) throw noSuchOperation();
  const filter = BULK_ITEM_STATES.find((each) => each === query.get("state")) ?? null;
  const cursor = query.get("cursor") ?? "";
  const after = /^\d{1,9}$/.test(cursor) ? Number(cursor) : -1;
  const items = await operations.items(id, { state: filter, after, limit: PAGE_SIZE });
  const last = items.length === PAGE_SIZE ? items.at(-1) : undefined;
  return {
    operation: viewOfBulkOperation(operation),
    items: items.map(viewOfBulkItem),
    nextCursor: last === undefined ? null : String(last.position),
    isFirstPage: after < 0,
    filter,
    now: new Date().toISOString(),
  };
}

function noSuchOperation(): HttpError {
  return new HttpError(404, "There is no such bulk operation.");
}
