import type { Orphan } from "../../../db/orphans.ts";
import { summarizeLosses } from "../../../db/losses.ts";
import { define } from "../../(_shared)/define.ts";
import { breakerView } from "../../(_shared)/fleet_views.ts";
import { partsOf } from "../../(_shared)/parts.ts";

const HOUR_MS = 3_600_000;

/** What recovery is at: jobs of dead instances that this instance watches, crash breakers, and the last hour's losses. */
export const handler = define.handlers({
  async GET({ state }) {
    const { database, recovery } = partsOf(state);
    return Response.json({
      orphans: recovery.rescuer.watched.map(orphanView),
      breakers: recovery.breakers.list().map(({ agent, ...breaker }) => ({ agent, ...breakerView(breaker) })),
      lastHour: await summarizeLosses(database.reads, new Date(Date.now() - HOUR_MS)),
    });
  },
});

function orphanView({ jobId, dispatchId, instanceId, agent, room, attempt, lastSeenAt }: Orphan) {
  return { jobId, dispatchId, instanceId, agent, room, attempt, lastSeenAt: lastSeenAt.toISOString() };
}
