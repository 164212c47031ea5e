import OverviewBoard from "../islands/OverviewBoard.tsx";
import { define } from "./(_shared)/define.ts";
import { overviewData } from "./(_shared)/overview_data.ts";
import { pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** Is everything fine? `as=data`: what the page shows as JSON, for the page itself. */
export const handler = define.handlers({
  async GET(ctx) {
    const data = await overviewData(partsOf(ctx.state));
    return ctx.url.searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },
});

export default define.page<typeof handler>(({ data }) => <OverviewBoard initial={data} />);
