import { z } from "zod";
import { isPlainText } from "../../../core/dispatch/dispatch_request.ts";
import type { Parts } from "../../../core/services/control_plane.ts";
import { type KeepFor, KeptReads } from "../../../core/services/kept_reads.ts";
import { type HistoryQuery, type MetricHistory, readMetricHistory } from "../../../core/services/metric_history.ts";
import { isSampledMetric, SAMPLED_METRICS } from "../../../core/telemetry/metric_kinds.ts";
import { define } from "../../(_shared)/define.ts";
import { readQuery } from "../../(_shared)/input.ts";
import { partsOf } from "../../(_shared)/parts.ts";

const HOUR_MS = 3_600_000;
/** Of the last hour, which many ask for again and again; a sample comes every 5 s. */
const KEEP: KeepFor = { freshMs: 2_000, staleMs: 5_000 };
const MAX_KEPT = 40;
const MAX_SPAN_MS = 400 * 24 * HOUR_MS;
const names = Object.keys(SAMPLED_METRICS).join(", ");
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text)).optional();

const kept = new WeakMap<Parts, KeptReads<MetricHistory>>();

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
    const { metrics, since, until, instanceId = null, agent = null } = query.value;
    const parts = partsOf(ctx.state);
    const asked = { metrics, instanceId, agent };
    if (since === undefined && until === undefined) return Response.json(await lastHour(parts, asked));
    const end = until ?? new Date();
    const span = { since: since ?? new Date(end.getTime() - HOUR_MS), until: end };
    return Response.json(await readMetricHistory(parts.database.reads, { ...asked, ...span }));
  },
});

/** Read once for all who ask for the same. */
function lastHour(parts: Parts, asked: Omit<HistoryQuery, "since" | "until">): Promise<MetricHistory> {
  const answers = kept.getOrInsertComputed(parts, () => new KeptReads({ maxKeys: MAX_KEPT }));
  const read = () => {
    const nowMs = Date.now();
    const span = { since: new Date(nowMs - HOUR_MS), until: new Date(nowMs) };
    return readMetricHistory(parts.database.reads, { ...asked, ...span });
  };
  return answers.read(JSON.stringify(asked), read, KEEP);
}

function spanMs(since: Date | undefined, until: Date | undefined): number {
  const end = until?.getTime() ?? Date.now();
  return end - (since?.getTime() ?? end - HOUR_MS);
}
