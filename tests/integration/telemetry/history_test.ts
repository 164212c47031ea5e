import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { readMetricHistory, stepOf } from "../../../core/services/metric_history.ts";
import { JobMetrics } from "../../../core/telemetry/job_metrics.ts";
import { Sampler } from "../../../core/telemetry/sampler.ts";
import { SpanWriter } from "../../../core/telemetry/span_writer.ts";
import { insertSamples, type MetricPoint, pruneMetricPoints, rollUp } from "../../../db/metric_points.ts";
import { listDeadAir } from "../../../db/loss_history.ts";
import { countEndedJobs, readyLatency } from "../../../db/overview.ts";
import { listSpansOfDispatch, type SpanRecord } from "../../../db/spans.ts";
import { insertJobHistory } from "../../support/job_history.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const HOUR_MS = 3_600_000;
const NOON = new Date("2026-01-02T12:00:00.000Z");

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => void (postgres = await startTestPostgres()));
Deno.test.afterAll(() => postgres?.stop());
Deno.test.beforeEach(async () => void (test = await postgres.createTestDatabase()));
Deno.test.afterEach(() => test?.drop());

function point(
  metric: string,
  secondsAfterNoon: number,
  value: number,
  fields: Partial<MetricPoint> = {},
): MetricPoint {
  const at = new Date(NOON.getTime() + secondsAfterNoon * 1000);
  return {
    ...{ metric, at, instanceId: "00000000-0000-7000-8000-000000000001", agent: "", count: 1 },
    ...{ sum: value, min: value, max: value, p50: null, p95: null },
    ...fields,
  };
}

function newSpan(fields: Partial<SpanRecord> = {}): SpanRecord {
  const dispatchId = crypto.randomUUID();
  return {
    ...{ traceId: dispatchId.replaceAll("-", ""), spanId: "00f067aa0ba902b7", parentSpanId: null, name: "run" },
    ...{ kind: "internal", startedAt: new Date().toISOString(), durationUs: 1_500, status: "unset" },
    ...{ statusMessage: null, attributes: null, events: null, dispatchId, jobId: null, instanceId: null },
    ...fields,
  } as SpanRecord;
}

Deno.test("rollUp sums up an interval, and a repetition changes nothing", async () => {
  const { database } = test;
  const latency = (seconds: number, p50: number, count: number) =>
    point("dispatch_ready_ms", seconds, p50 * count, { count, min: 10, max: 900, p50, p95: p50 * 2 });
  await insertSamples(database, [point("active_jobs", 0, 2), point("active_jobs", 5, 4), point("active_jobs", 60, 9)]);
  await insertSamples(database, [latency(0, 100, 1), latency(5, 200, 3)]);
  const read = async () => [
    ...await database.sql`select metric, extract(second from at)::int as s, count, sum, min, max, p50, p95
      from metric_points where tier_seconds = 60 order by metric, at`,
  ];
  await rollUp(database, { from: 5, to: 60, since: NOON, instanceId: null });
  const first = await read();
  assert.deepEqual(first.map(({ metric, count, sum, max, p50 }) => [metric, count, sum, max, p50]), [
    ["active_jobs", 2, 6, 4, null],
    ["active_jobs", 1, 9, 9, null],
    ["dispatch_ready_ms", 4, 700, 900, 175],
  ]);
  await rollUp(database, { from: 5, to: 60, since: NOON, instanceId: null });
  assert.deepEqual(await read(), first);
});

Deno.test("the history of several instances adds up jobs, averages shares, and takes the queue once", async () => {
  const { database } = test;
  const other = { instanceId: "00000000-0000-7000-8000-000000000002" };
  const metrics = ["active_jobs", "cpu_ratio", "queue_depth", "jobs_failed"] as const;
  await insertSamples(database, metrics.flatMap((metric) => [point(metric, 0, 0.2), point(metric, 0, 0.6, other)]));
  const until = new Date(NOON.getTime() + HOUR_MS);
  const step = { tier: 5, stepSeconds: 5 } as const;
  const { lines } = await readMetricHistory(database, { metrics, since: NOON, until, step, instanceId: null });
  const values = Object.fromEntries(lines.map(({ metric, points }) => [metric, points[0]?.[1]]));
  assert.deepEqual(values, { active_jobs: 0.8, cpu_ratio: 0.4, queue_depth: 0.6, jobs_failed: 0.8 });
});

Deno.test("instances that follow each other within a step count as one, those beside each other as two", async () => {
  const { database } = test;
  const next = { instanceId: "00000000-0000-7000-8000-000000000002" };
  const beats = Array.from({ length: 12 }, (_, n) => n * 5);
  await insertSamples(database, [
    ...beats.map((s) => point("max_jobs", s, 20, s < 30 ? {} : next)),
    ...beats.flatMap((s) => [point("max_jobs", 60 + s, 20), point("max_jobs", 60 + s, 20, next)]),
  ]);
  await rollUp(database, { from: 5, to: 60, since: NOON, instanceId: null });
  const until = new Date(NOON.getTime() + HOUR_MS);
  const query = { metrics: ["max_jobs"], since: NOON, until, instanceId: null } as const;
  for (const tier of [5, 60] as const) {
    const { lines } = await readMetricHistory(database, { ...query, step: { tier, stepSeconds: 60 } });
    assert.deepEqual(lines[0]?.points.map(([, value]) => value), [20, 40], `tier ${tier}`);
  }
});

Deno.test("the history of one agent has its lines and those of whole instances, in steps of the asked length", async () => {
  const { database } = test;
  const [echo, other] = [{ agent: "echo" }, { agent: "greeter" }];
  const latency = { count: 3, sum: 300, min: 50, max: 200, p50: 90, p95: 180 };
  await insertSamples(database, [
    ...[0, 5, 10].flatMap((s) => [point("active_jobs", s, s), point("active_jobs", s, 1, echo)]),
    point("active_jobs", 0, 9, other),
    point("dispatch_entered_ms", 5, 0, latency),
  ]);
  const query = { since: NOON, until: new Date(NOON.getTime() + HOUR_MS), instanceId: null, agent: "echo" };
  const metrics = ["active_jobs", "dispatch_entered_ms"] as const;
  const step = { tier: 5, stepSeconds: 10 } as const;
  const { lines } = await readMetricHistory(database, { ...query, metrics, step });
  const at = NOON.getTime();
  assert.deepEqual(lines, [
    { metric: "active_jobs", agent: "", points: [[at, 2.5], [at + 10_000, 10]] },
    { metric: "active_jobs", agent: "echo", points: [[at, 1], [at + 10_000, 1]] },
    { metric: "dispatch_entered_ms", agent: "", points: [[at, 90, 180, 200, 3]] },
  ]);
});

Deno.test("stepOf gives short steps of what is lately known, and longer ones of what is long ago", () => {
  const now = NOON;
  const hoursAgo = (hours: number) => new Date(now.getTime() - hours * HOUR_MS);
  assert.deepEqual(stepOf(hoursAgo(1), now, 144, now), { tier: 5, stepSeconds: 25 });
  assert.deepEqual(stepOf(hoursAgo(24), now, 144, now), { tier: 60, stepSeconds: 600 });
  assert.deepEqual(stepOf(hoursAgo(168), now, 144, now), { tier: 3_600, stepSeconds: 7_200 });
  assert.deepEqual(stepOf(hoursAgo(49), hoursAgo(48), 144, now), { tier: 60, stepSeconds: 60 });
  assert.deepEqual(stepOf(hoursAgo(24 * 20 + 1), hoursAgo(24 * 20), 144, now), { tier: 3_600, stepSeconds: 3_600 });
});

Deno.test("listDeadAir adds up what somebody heard, and counts a silence that goes on until now", async () => {
  const { database } = test;
  await insertJobHistory(database, 1);
  const at = (seconds: number) => new Date(NOON.getTime() + seconds * 1000).toISOString();
  const lose = (lostAt: string, wasHumanThere: boolean, deadAirMs: number | null) =>
    database.sql`insert into losses (id, dispatch_id, agent, server, room, cause, was_human_there, lost_at, dead_air_ms)
      select gen_random_uuid(), id, 'echo', 'local', 'r', 'exit', ${wasHumanThere}, ${lostAt}, ${deadAirMs} from dispatches`;
  await lose(at(1), true, 400);
  await lose(at(59), true, 600);
  await lose(at(59), false, 9_000);
  await lose(at(118), true, null);
  const range = { since: NOON, until: new Date(at(120)), stepSeconds: 60 };
  const minute = NOON.getTime() + 60_000;
  assert.deepEqual([...await listDeadAir(database, { ...range, agent: null })], [
    { atMs: NOON.getTime(), losses: 2, deadAirMs: 1_000 },
    { atMs: minute, losses: 1, deadAirMs: 2_000 },
  ]);
  assert.equal((await listDeadAir(database, { ...range, agent: "greeter" })).length, 0);
});

Deno.test("pruneMetricPoints deletes what is old of one tier, at most its limit", async () => {
  const { database } = test;
  await insertSamples(database, [0, 5, 10, 15].map((seconds) => point("active_jobs", seconds, 1)));
  const before = new Date(NOON.getTime() + 12_000);
  assert.equal(await pruneMetricPoints(database, 5, before, 2), 2);
  assert.equal(await pruneMetricPoints(database, 5, before, 2), 1);
  assert.equal(await pruneMetricPoints(database, 60, before, 2), 0);
});

Deno.test("a sample is stored with what waits, and one that can't be stored is counted and told all the same", async () => {
  const { database } = test;
  const told: number[] = [];
  const sampler = new Sampler({
    ...{ database, instanceId: uuidv7(), jobMetrics: new JobMetrics(), logger: silentLogger, childPids: () => [] },
    slots: () => ({ used: 2, maxJobs: 4, byAgent: { echo: 2 } }),
    loadByAgent: () => ({ echo: 0.5 }),
    onSample: ({ loadRatio }) => told.push(loadRatio),
  });
  const sample = await sampler.sampleOnce(new Date());
  assert.equal(sample.queue?.length, 0);
  assert.equal(sampler.lost, 0);
  const [stored] = await database.sql`select count(*)::int as count from metric_points where metric = 'active_jobs'
    and tier_seconds = 5`;
  assert.equal(stored?.count, 2);
  await database.close();
  const blind = await sampler.sampleOnce(new Date());
  assert.deepEqual([blind.queue, sampler.lost, told], [null, 1, [0.5, 0.5]]);
});

Deno.test("the Overview's figures come from bounded reads and are right", async () => {
  const { database } = test;
  await insertJobHistory(database, 2_000, 2);
  const hourAgo = new Date(Date.now() - HOUR_MS);
  const { failed } = await countEndedJobs(database, hourAgo);
  assert.ok(failed >= 45 && failed <= 55, String(failed));
  assert.deepEqual(await readyLatency(database, hourAgo, 500), { samples: 500, p50Ms: 70, p95Ms: 70 });
});

Deno.test("SpanWriter stores what it was given, whatever its texts hold, and repeats harmlessly", async () => {
  const { database } = test;
  const writer = new SpanWriter({ database, instanceId: uuidv7(), logger: silentLogger });
  const span = newSpan({ name: "a\0b \\u0000 \ud800", attributes: { key: "x\0", good: "ä😀" }, statusMessage: "\\" });
  writer.add(span);
  await writer.forceFlush();
  writer.add(span);
  await writer.forceFlush();
  const since = new Date(Date.now() - HOUR_MS);
  const stored = await listSpansOfDispatch(database, { dispatchId: span.dispatchId ?? "", since, limit: 10 });
  assert.equal(stored.length, 1);
  assert.equal(stored[0]?.name, "a\uFFFDb \\u0000 \uFFFD");
  assert.deepEqual(stored[0]?.attributes, { key: "x\uFFFD", good: "ä😀" });
  assert.equal(stored[0]?.durationUs, 1_500);
});

Deno.test("SpanWriter keeps the newest and counts the others when the database is away", async () => {
  const { database } = test;
  const writer = new SpanWriter({ database, instanceId: uuidv7(), logger: silentLogger, maxBuffered: 100 });
  await database.close();
  for (let n = 0; n < 150; n++) writer.add(newSpan());
  await writer.forceFlush();
  assert.ok(writer.buffered <= 100);
  assert.equal(writer.buffered + writer.dropped, 150);
});
