import RoomsBoard from "../islands/RoomsBoard.tsx";
import { define } from "./(_shared)/define.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** `as=data`: what the page shows as JSON, for the page itself. */
export const handler = define.handlers({
  async GET(ctx) {
    const board = await partsOf(ctx.state).rooms.read();
    return ctx.url.searchParams.get("as") === "data" ? ctx.json(board) : pageData(board);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <RoomsBoard initial={data} canOperate={canOperate(state)} />
));
