import { z } from "zod";
import { isPlainText } from "../../../core/dispatch/dispatch_request.ts";
import { readMetricHistory } from "../../../core/services/metric_history.ts";
import { isSampledMetric, SAMPLED_METRICS } from "../../../core/telemetry/metric_kinds.ts";
import { define } from "../../(_shared)/define.ts";
import { readQuery } from "../../(_shared)/input.ts";
import { partsOf } from "../../(_shared)/parts.ts";

const HOUR_MS = 3_600_000;
const MAX_SPAN_MS = 400 * 24 * HOUR_MS;
const names = Object.keys(SAMPLED_METRICS).join(", ");
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text)).optional();

const querySchema = z.strictObject({
  metrics: z.string().transform((text) => [...new Set(text.split(","))])
    .refine((given) => given.every(isSampledMetric), `must be some of ${names}`)
    .transform((given) => given.filter(isSampledMetric)),
  since: instant,
  until: instant,
  instanceId: z.uuid().optional(),
  agent: z.string().min(1).max(64).refine(isPlainText, "must not contain control characters").optional(),
}).refine(({ since, until }) => spanMs(since, until) > 0 && spanMs(since, until) <= MAX_SPAN_MS, {
  path: ["since"],
  message: "must lie before until (now), at most 400 days",
});

/** `?metrics=active_jobs,max_jobs&since=…&until=…&instanceId=…&agent=…`: the last hour unless said otherwise. */
export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, querySchema);
    if (!query.ok) return query.response;
    const until = query.value.until ?? new Date();
    const since = query.value.since ?? new Date(until.getTime() - HOUR_MS);
    const { metrics, instanceId = null, agent = null } = query.value;
    const { database } = partsOf(ctx.state);
    return Response.json(await readMetricHistory(database.reads, { metrics, since, until, instanceId, agent }));
  },
});

function spanMs(since: Date | undefined, until: Date | undefined): number {
  const end = until?.getTime() ?? Date.now();
  return end - (since?.getTime() ?? end - HOUR_MS);
}
