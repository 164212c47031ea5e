import assert from "node:assert/strict";
import { JobMetrics } from "../../../core/telemetry/job_metrics.ts";
import { Counter, exponentialBuckets, Gauge, Histogram } from "../../../core/telemetry/metrics.ts";
import { prometheusText } from "../../../core/telemetry/prometheus.ts";
import { summarize } from "../../../core/telemetry/summary.ts";

Deno.test("prometheusText writes counters, gauges and cumulative histograms", () => {
  const counter = new Counter("jobs_total", "Jobs.");
  counter.add({ agent: 'a "b"\\\n' }, 2);
  const histogram = new Histogram("seconds", "Time.", [1, 2]);
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe({}, value);
  const gauge = new Gauge("load", "Load.", () => [{ labels: {}, value: 0.5 }]);
  assert.deepEqual(prometheusText([counter, gauge, histogram]).split("\n"), [
    "# HELP jobs_total Jobs.",
    "# TYPE jobs_total counter",
    'jobs_total{agent="a \\"b\\"\\\\\\n"} 2',
    "# HELP load Load.",
    "# TYPE load gauge",
    "load 0.5",
    "# HELP seconds Time.",
    "# TYPE seconds histogram",
    'seconds_bucket{le="1"} 2',
    'seconds_bucket{le="2"} 3',
    'seconds_bucket{le="+Inf"} 4',
    "seconds_sum 12",
    "seconds_count 4",
    "",
  ]);
});

Deno.test("a metric keeps a bounded number of label sets, and counts the rest together", () => {
  const counter = new Counter("jobs_total", "Jobs.");
  for (let n = 0; n < 2_000; n++) counter.add({ agent: `agent-${n}` });
  const readings = counter.read();
  assert.ok(readings.length <= 501);
  assert.equal(readings.reduce((total, { value }) => total + value, 0), 2_000);
});

Deno.test("the buckets of a job's duration are 0.1 · 2^n, ten of them", () => {
  assert.deepEqual(exponentialBuckets(0.1, 2, 10), [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2]);
});

Deno.test("summarize gives nearest-rank percentiles, and null for nothing", () => {
  assert.equal(summarize([]), null);
  assert.deepEqual(summarize([3]), { count: 1, sum: 3, min: 3, max: 3, p50: 3, p95: 3 });
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
  assert.deepEqual(summarize(hundred), { count: 100, sum: 5_050, min: 1, max: 100, p50: 50, p95: 95 });
});

Deno.test("JobMetrics counts for good and per interval; an interval begins anew when it was taken", () => {
  const metrics = new JobMetrics();
  metrics.started("echo");
  metrics.stage("echo", "request_to_ready", 80);
  metrics.ended("echo", "failed", 1_000);
  metrics.ended("greeter", "cancelled", 1_000);
  const { readyMs, byAgent, latencies: _, ...counts } = metrics.takeInterval();
  assert.deepEqual(counts, { started: 1, succeeded: 0, failed: 1, cancelled: 1 });
  assert.deepEqual(byAgent.greeter, { started: 0, succeeded: 0, failed: 0, cancelled: 1 });
  assert.equal(readyMs?.p50, 80);
  const nothing = { started: 0, succeeded: 0, failed: 0, cancelled: 0, readyMs: null, byAgent: {}, latencies: [] };
  assert.deepEqual(metrics.takeInterval(), nothing);
  const text = prometheusText(metrics.metrics);
  assert.match(text, /^livekit_agent_jobs_completed_total\{agent="greeter"\} 1$/m);
  assert.match(text, /^livekit_agent_jobs_failed_total\{agent="echo"\} 1$/m);
});

Deno.test("JobMetrics sums up how long each stage took, of all agents and of each, and not those that none reached", () => {
  const metrics = new JobMetrics();
  metrics.reached("echo", "assigned", 2);
  metrics.reached("echo", "entered", 8);
  metrics.reached("greeter", "entered", 20);
  const found = metrics.takeInterval().latencies.map(({ agent, stage, ms }) => [stage, agent, ms.count, ms.p95]);
  assert.deepEqual(found, [
    ["assigned", "", 1, 2],
    ["assigned", "echo", 1, 2],
    ["entered", "", 2, 20],
    ["entered", "echo", 1, 8],
    ["entered", "greeter", 1, 20],
  ]);
});
