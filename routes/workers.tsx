import type { WorkersData, WorkerView } from "../components/workers/types.ts";
import type { Parts } from "../core/services/control_plane.ts";
import { listLiveWorkers, type WorkerRow } from "../db/worker_reads.ts";
import WorkersBoard from "../islands/WorkersBoard.tsx";
import { define } from "./(_shared)/define.ts";
import { workersView } from "./(_shared)/fleet_views.ts";
import { overviewData } from "./(_shared)/overview_data.ts";
import { pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** A socket that was lost this lately is told of although it is there again. */
const RECENT_LOSS_MS = 600_000;

/** `as=data`: what the page shows as JSON, for the page itself. */
export const handler = define.handlers({
  async GET(ctx) {
    const parts = partsOf(ctx.state);
    const [shared, rows] = await Promise.all([overviewData(parts), listLiveWorkers(parts.database.reads)]);
    const others = rows.filter(({ instanceId }) => instanceId !== parts.instanceId).map(viewOfRow);
    const data: WorkersData = { ...shared, workers: [...ownWorkers(parts, new Date()), ...others] };
    return ctx.url.searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },
});

export default define.page<typeof handler>(({ data }) => <WorkersBoard initial={data} />);

function ownWorkers(parts: Parts, now: Date): WorkerView[] {
  return workersView(parts).map(({ id, instanceId, agent, jobType, connection, loadRatio, refusal }) => {
    const { state, since, attempts, lastClose, lastError } = connection;
    const isNow = state !== "registered" && state !== "stopped";
    const cause = isNow ? lastError ?? lastClose : lastClose;
    const isTold = cause !== null && (isNow || now.getTime() - cause.at.getTime() < RECENT_LOSS_MS);
    const title = cause === null
      ? ""
      : "code" in cause
      ? `lost its socket at ${cause.at.toISOString().slice(11, 19)} UTC (${cause.code}).`
      : "can't connect.";
    return {
      id,
      instanceId,
      agent,
      jobType,
      state,
      since: since.toISOString(),
      attempts,
      ...{ loadRatio, refusal },
      trouble: isTold && cause ? { title, text: `${cause.explanation} ${cause.remedy}`, isNow } : null,
    };
  });
}

function viewOfRow(
  { id, instanceId, agent, jobType, state, changedAt, lastCloseCode, lastError, loadRatio }: WorkerRow,
): WorkerView {
  const isNow = state !== "registered" && state !== "stopped";
  const title = lastCloseCode === null ? "is not connected." : `lost its socket (${lastCloseCode}).`;
  const trouble = isNow && lastError !== null ? { title, text: lastError, isNow } : null;
  const since = changedAt.toISOString();
  return { id, instanceId, agent, jobType, state, since, attempts: null, loadRatio, refusal: null, trouble };
}
