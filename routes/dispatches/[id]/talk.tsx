import { HttpError } from "fresh";
import { Head } from "fresh/runtime";
import { listUsualReadyMs } from "../../../db/dispatch_statistics.ts";
import TalkDesk from "../../../islands/TalkDesk.tsx";
import { define } from "../../(_shared)/define.ts";
import { findDispatchView } from "../../(_shared)/find_dispatch_view.ts";
import { canOperate, pageData } from "../../(_shared)/page.ts";
import { partsOf } from "../../(_shared)/parts.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const parts = partsOf(ctx.state);
    const dispatch = await findDispatchView(parts, ctx.params.id ?? null);
    if (!dispatch) throw new HttpError(404, "There is no such dispatch.");
    const usual = await listUsualReadyMs(parts.database);
    return pageData({ dispatch, usualReadyMs: usual.get(dispatch.agent) ?? null });
  },
});

export default define.page<typeof handler>(({ data: { dispatch, usualReadyMs }, state }) => (
  <>
    <Head>
      <title>{`Talk to ${dispatch.agent} in ${dispatch.room} · Greenroom`}</title>
    </Head>
    <TalkDesk initial={dispatch} usualReadyMs={usualReadyMs} canOperate={canOperate(state)} />
  </>
));
