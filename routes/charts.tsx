import { readRange } from "../components/charts/range.ts";
import { isPlainText } from "../core/dispatch/dispatch_request.ts";
import ChartsBoard from "../islands/ChartsBoard.tsx";
import { chartsData } from "./(_shared)/charts_data.ts";
import { define } from "./(_shared)/define.ts";
import { pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

const MAX_AGENT_CHARS = 64;

/** `range`: 1h, 24h or 7d; or `since` and `until`; `agent`. `as=data`: what the page shows as JSON, for the page itself. */
export const handler = define.handlers({
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const agent = agentOf(searchParams.get("agent"));
    const data = await chartsData(partsOf(ctx.state), readRange(searchParams), agent, new Date());
    return searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },
});

export default define.page<typeof handler>(({ data }) => <ChartsBoard initial={data} />);

/** Null: all. */
function agentOf(text: string | null): string | null {
  return text !== null && text !== "" && text.length <= MAX_AGENT_CHARS && isPlainText(text) ? text : null;
}
