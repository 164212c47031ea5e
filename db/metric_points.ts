/**
 * History of load and latencies in three tiers (schema/metric_points.ts). Samples are written in one statement; the
 * longer tiers are summed up from the shorter ones by statements that give the same again when they are repeated.
 * None of these writes waits for the disk: a crash may cost the last second of history.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { looseRows, rows } from "./statement.ts";

export const TIERS_SECONDS = [5, 60, 3_600] as const;
export type TierSeconds = typeof TIERS_SECONDS[number];

export interface MetricPoint {
  metric: string;
  /** Beginning of the interval. */
  at: Date;
  instanceId: string;
  /** "" for the whole instance. */
  agent: string;
  count: number;
  sum: number;
  min: number;
  max: number;
  p50: number | null;
  p95: number | null;
}

export async function insertSamples(database: Database, points: readonly MetricPoint[]): Promise<void> {
  await looseRows(
    database,
    sql`insert into metric_points (tier_seconds, metric, at, instance_id, agent, count, sum, min, max, p50, p95)
      select 5, x.metric, x.at, x."instanceId", x.agent, x.count, x.sum, x.min, x.max, x.p50, x.p95
      from jsonb_to_recordset(${JSON.stringify(points)}::text::jsonb) x(metric text, at timestamptz, "instanceId" uuid,
        agent text, count int, sum float8, min float8, max float8, p50 float8, p95 float8)
      on conflict do nothing`,
  );
}

/**
 * Sums the points of `from` up into intervals of `to` that end after `since`; a repetition writes the same. `since` must
 * be younger than what of the shorter tier is kept. The percentiles of an interval are the means of its parts', weighted
 * by their counts: near enough for a chart, and never outside min and max.
 */
export async function rollUp(
  database: Database,
  { from, to, since, instanceId }: { from: TierSeconds; to: TierSeconds; since: Date; instanceId: string | null },
): Promise<void> {
  await looseRows(
    database,
    sql`insert into metric_points (tier_seconds, metric, at, instance_id, agent, count, sum, min, max, p50, p95)
      select ${to}::int, metric, date_bin(make_interval(secs => ${to}::int), at, 'epoch'::timestamptz), instance_id, agent,
        sum(count), sum(sum), min(min), max(max), sum(p50 * count) / nullif(sum(count) filter (where p50 is not null), 0),
        sum(p95 * count) / nullif(sum(count) filter (where p95 is not null), 0)
      from metric_points
      where tier_seconds = ${from}::int
        and at >= date_bin(make_interval(secs => ${to}::int), ${since.toISOString()}::timestamptz, 'epoch'::timestamptz)
        and (${instanceId}::uuid is null or instance_id = ${instanceId}::uuid)
      group by 2, 3, 4, 5
      on conflict (tier_seconds, metric, at, instance_id, agent) do update set count = excluded.count, sum = excluded.sum,
        min = excluded.min, max = excluded.max, p50 = excluded.p50, p95 = excluded.p95`,
  );
}

/** Deletes one tier's points before `before`; at most `limit`. Returns how many. */
export async function pruneMetricPoints(
  database: Database,
  tier: TierSeconds,
  before: Date,
  limit: number,
): Promise<number> {
  const deleted = await looseRows(
    database,
    sql`with old as (select tier_seconds, metric, at, instance_id, agent from metric_points
        where tier_seconds = ${tier}::int and at < ${before.toISOString()}::timestamptz limit ${limit}::int)
      delete from metric_points p using old where p.tier_seconds = old.tier_seconds and p.metric = old.metric
        and p.at = old.at and p.instance_id = old.instance_id and p.agent = old.agent returning 1 as one`,
  );
  return deleted.length;
}

export interface HistoryRow extends Record<string, unknown> {
  metric: string;
  agent: string;
  /** Milliseconds since the epoch: the beginning of the step. */
  at: number;
  /** Sum over instances of each one's mean. */
  total: number;
  /** Mean over instances. */
  mean: number;
  max: number;
  count: number;
  sum: number;
  p50: number | null;
  p95: number | null;
}

/** Points of some metrics over all instances (or one), in steps of `stepSeconds` (a multiple of the tier). */
export async function listMetricHistory(
  database: Database,
  query: {
    tier: TierSeconds;
    stepSeconds: number;
    metrics: readonly string[];
    since: Date;
    until: Date;
    instanceId: string | null;
  },
): Promise<HistoryRow[]> {
  return await rows<HistoryRow>(
    database,
    sql`with of_instance as (
      select metric, agent, instance_id,
        date_bin(make_interval(secs => ${query.stepSeconds}::int), at, 'epoch'::timestamptz) as step,
        sum(sum) / nullif(sum(count), 0) as mean, max(max) as max, sum(count) as count, sum(sum) as sum,
        sum(p50 * count) as p50_weight, sum(p95 * count) as p95_weight,
        sum(count) filter (where p50 is not null) as latencies
      from metric_points
      where tier_seconds = ${query.tier}::int
        and metric in (select jsonb_array_elements_text(${JSON.stringify(query.metrics)}::text::jsonb))
        and at >= ${query.since.toISOString()}::timestamptz and at < ${query.until.toISOString()}::timestamptz
        and (${query.instanceId}::uuid is null or instance_id = ${query.instanceId}::uuid)
      group by 1, 2, 3, 4
    )
    select metric, agent, (extract(epoch from step) * 1000)::float8 as at, sum(mean)::float8 as total,
      avg(mean)::float8 as mean, max(max)::float8 as max, sum(count)::float8 as count, sum(sum)::float8 as sum,
      (sum(p50_weight) / nullif(sum(latencies), 0))::float8 as p50,
      (sum(p95_weight) / nullif(sum(latencies), 0))::float8 as p95
    from of_instance group by metric, agent, step order by metric, agent, step`,
  );
}
