/**
 * History of load and latencies in three tiers (schema/metric_points.ts). Samples are written in one statement; the
 * longer tiers are summed up from the shorter ones by statements that give the same again when they are repeated.
 * None of these writes waits for the disk: a crash may cost the last second of history.
 */
import { type SQL, sql } from "drizzle-orm";
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

/** How the points of one step become one value: see core/telemetry/metric_kinds.ts. */
export type LineKind = "sum" | "mean" | "max" | "total" | "latency";

/** One metric of one agent over time; all lists are equally long, oldest first. */
export interface HistoryLine {
  metric: string;
  /** "" for whole instances. */
  agent: string;
  /** Milliseconds since the epoch: the beginning of each step. */
  ats: number[];
  /** By the metric's kind; of latencies the p50. */
  values: (number | null)[];
  /** Of latencies only. */
  latencies: { p95: (number | null)[]; max: (number | null)[]; count: number[] } | null;
}

interface LineRow extends Record<string, unknown> {
  metric: string;
  agent: string;
  /** JSON lists in one order of their own; the steps are counted from the epoch. */
  steps: string;
  values: string;
  p95: string | null;
  max: string | null;
  count: string | null;
}

/**
 * How many samples one instance has taken in a point's interval. What instances have in common is their sum per sample, not
 * the sum of their means: of two that followed each other within the interval, each was there for a part of it.
 */
function beatsOf(tier: TierSeconds): SQL {
  if (tier === 5) return sql`1`;
  return sql`greatest(1, least(${tier}::int / 5, ceil(date_part('epoch', now() - points.at) / 5)))`;
}

/**
 * Lines of some metrics over all instances (or one), in steps of `stepSeconds` (a multiple of the tier). Steps without a
 * point are left out. Each line comes as a few JSON lists: a row per point would cost more to read than to find. Kinds join
 * last: a join before the steps are summed up has them sorted by texts.
 */
export async function listMetricHistory(
  database: Database,
  query: {
    tier: TierSeconds;
    stepSeconds: number;
    /** Names and kinds; names of our own, without commas. */
    metrics: readonly { metric: string; kind: LineKind }[];
    since: Date;
    until: Date;
    instanceId: string | null;
    /** Lines of this agent and of whole instances; null: all lines. */
    agent: string | null;
  },
): Promise<HistoryLine[]> {
  const names = query.metrics.map(({ metric }) => metric).join(",");
  const kinds = query.metrics.map(({ kind }) => kind).join(",");
  const found = await rows<LineRow>(
    database,
    sql`with points as (
      select metric, agent, at, sum(sum) as sum, sum(count) as count, avg(sum / count) as mean, max(max) as max,
        sum(p50 * count) as p50_weight, sum(p95 * count) as p95_weight,
        sum(count) filter (where p50 is not null) as latencies
      from metric_points
      where tier_seconds = ${query.tier}::int and metric = any(string_to_array(${names}, ',')) and count > 0
        and at >= ${query.since.toISOString()}::timestamptz and at < ${query.until.toISOString()}::timestamptz
        and (${query.instanceId}::uuid is null or instance_id = ${query.instanceId}::uuid)
        and (${query.agent}::text is null or agent = '' or agent = ${query.agent}::text)
      group by 1, 2, 3
    ), steps as materialized (
      select metric, agent, floor(date_part('epoch', points.at) / ${query.stepSeconds}::int)::int as step,
        avg(sum / least(count, ${beatsOf(query.tier)})) as "sum", avg(mean) as "mean", max(max) as "max",
        sum(sum) as "total", sum(p50_weight) / nullif(sum(latencies::float8), 0) as p50,
        sum(p95_weight) / nullif(sum(latencies::float8), 0) as p95, sum(count::float8) as count
      from points group by 1, 2, 3
    ) select metric, agent, json_agg(step)::text as steps,
        json_agg(case kind when 'sum' then "sum" when 'mean' then "mean" when 'max' then "max" when 'total' then "total"
          else p50 end)::text as values,
        json_agg(p95) filter (where kind = 'latency')::text as p95,
        json_agg("max") filter (where kind = 'latency')::text as max,
        json_agg(count) filter (where kind = 'latency')::text as count
      from steps
      join unnest(string_to_array(${names}, ','), string_to_array(${kinds}, ',')) as k(metric, kind) using (metric)
      group by metric, agent order by metric, agent`,
  );
  return found.map((row) => lineOf(row, query.stepSeconds * 1000));
}

/** In the order of time: sorting here costs a fraction of what it costs in the statement. */
function lineOf({ metric, agent, p95, max, count, ...row }: LineRow, stepMs: number): HistoryLine {
  const steps: number[] = JSON.parse(row.steps);
  const order = [...steps.keys()].sort((a, b) => steps[a]! - steps[b]!);
  const read = <Value>(list: string): Value[] => {
    const values: Value[] = JSON.parse(list);
    return order.map((index) => values[index]!);
  };
  return {
    metric,
    agent,
    ats: order.map((index) => steps[index]! * stepMs),
    values: read(row.values),
    latencies: p95 === null || max === null || count === null
      ? null
      : { p95: read(p95), max: read(max), count: read(count) },
  };
}
