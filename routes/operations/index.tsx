import { decodeCursor } from "../../db/page.ts";
import OperationsList from "../../islands/OperationsList.tsx";
import { define } from "../(_shared)/define.ts";
import { operationsData } from "../(_shared)/operations_data.ts";
import { pageData } from "../(_shared)/page.ts";
import { partsOf } from "../(_shared)/parts.ts";

const PAGE_SIZE = 20;

/** Bulk operations, newest first. `as=data`: as JSON, for the page itself; `few`: the newest, for the Recover page. */
export const handler = define.handlers({
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const cursor = decodeCursor(searchParams.get("cursor") ?? "");
    const limit = searchParams.has("few") ? 5 : PAGE_SIZE;
    const data = await operationsData(partsOf(ctx.state), { limit, cursor });
    return searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const here = new URLSearchParams(url.search);
  here.set("as", "data");
  const { nextCursor, isFirstPage } = data;
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <OperationsList initial={data} dataUrl={`/operations?${here}`} />
      {(nextCursor !== null || !isFirstPage) && (
        <nav class="flex gap-2" aria-label="Pages">
          {!isFirstPage && <a class="btn btn-quiet btn-sm" href="/operations">Newest</a>}
          {nextCursor !== null && <a class="btn btn-quiet btn-sm" href={`/operations?cursor=${nextCursor}`}>Older</a>}
        </nav>
      )}
    </div>
  );
});
