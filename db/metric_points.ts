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
  return sql`greatest(1, least(${tier}::int / 5, ceil(date_part('epoch', now() - at) / 5)))`;
}

export interface HistoryRequest {
  tier: TierSeconds;
  stepSeconds: number;
  /** Names and kinds; names of our own, without commas. */
  metrics: readonly { metric: string; kind: LineKind }[];
  since: Date;
  until: Date;
  instanceId: string | null;
  /** Lines of this agent and of whole instances; null: all lines. */
  agent: string | null;
}

/**
 * Lines of some metrics over all instances (or one), in steps of `stepSeconds` (a multiple of the tier). Steps without a
 * point are left out. Each line comes as a few JSON lists: a row per point would cost more to read than to find. Each kind
 * is summed up by itself, with what it needs: summing up costs ten times what finding the points does.
 */
export async function listMetricHistory(database: Database, query: HistoryRequest): Promise<HistoryLine[]> {
  const kinds = [...new Set(query.metrics.map(({ kind }) => kind))].sort();
  if (kinds.length === 0) return [];
  const found = await rows<LineRow>(
    database,
    sql`${sql.join(kinds.map((kind) => linesOf(kind, query)), sql` union all `)} order by metric, agent`,
  );
  return found.map((row) => lineOf(row, query.stepSeconds * 1000));
}

function linesOf(kind: LineKind, query: HistoryRequest): SQL {
  const names = query.metrics.filter((each) => each.kind === kind).map(({ metric }) => metric).join(",");
  const points = sql`metric_points
    where tier_seconds = ${query.tier}::int and metric = any(string_to_array(${names}, ',')) and count > 0
      and at >= ${query.since.toISOString()}::timestamptz and at < ${query.until.toISOString()}::timestamptz
      and (${query.instanceId}::uuid is null or instance_id = ${query.instanceId}::uuid)
      and (${query.agent}::text is null or agent = '' or agent = ${query.agent}::text)`;
  const latencies = kind === "latency"
    ? sql`json_agg(p95)::text as p95, json_agg("max")::text as max, json_agg("count")::text as count`
    : sql`null as p95, null as max, null as count`;
  return sql`select metric, agent, json_agg(step)::text as steps, json_agg(value)::text as values, ${latencies} from (
      select metric, agent, floor(date_part('epoch', at) / ${query.stepSeconds}::int)::int as step, ${
    stepValues(kind, query.tier, points)
  } group by 1, 2, 3) as steps group by 1, 2`;
}

/** What a step needs of its points. Instances that have a metric in common become one before its mean over time is taken. */
function stepValues(kind: LineKind, tier: TierSeconds, points: SQL): SQL {
  const ofAll = (value: SQL) =>
    sql`avg(value) as value from (select metric, agent, at, ${value} as value from ${points} group by 1, 2, 3) as points`;
  const weighed = (percentile: SQL) =>
    sql`sum(${percentile} * count) / nullif(sum(count) filter (where ${percentile} is not null), 0)`;
  switch (kind) {
    case "sum":
      return ofAll(sql`sum(sum) / least(sum(count), ${beatsOf(tier)})`);
    case "mean":
      return ofAll(sql`avg(sum / count)`);
    case "max":
      return sql`max(max) as value from ${points}`;
    case "total":
      return sql`sum(sum) as value from ${points}`;
    case "latency":
      return sql`${weighed(sql`p50`)} as value, ${weighed(sql`p95`)} as p95, max(max) as max, sum(count) as count
        from ${points}`;
  }
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
