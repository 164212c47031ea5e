import assert from "node:assert/strict";
import { AuthorMetrics } from "../../../core/telemetry/author_metrics.ts";
import { prometheusText } from "../../../core/telemetry/prometheus.ts";

Deno.test("AuthorMetrics shows counters, histograms and the sum of the running jobs' gauges, with the agent's name", () => {
  const metrics = new AuthorMetrics();
  metrics.record("echo", "a", [
    { kind: "counter", name: "turns", labels: { language: "de", agent: "other" }, value: 2 },
    { kind: "gauge", name: "backlog", value: 3 },
    { kind: "histogram", name: "reply_seconds", value: 0.3 },
  ]);
  metrics.record("echo", "b", [{ kind: "gauge", name: "backlog", value: 4 }]);
  const text = prometheusText(metrics.list());
  assert.match(text, /^greenroom_agent_turns\{language="de",agent="echo"\} 2$/m);
  assert.match(text, /^greenroom_agent_backlog\{agent="echo"\} 7$/m);
  assert.match(text, /^greenroom_agent_reply_seconds_count\{agent="echo"\} 1$/m);
  metrics.ended("a");
  assert.match(prometheusText(metrics.list()), /^greenroom_agent_backlog\{agent="echo"\} 4$/m);
});

Deno.test("AuthorMetrics counts as dropped what has another kind, too many names or labels, or no finite value", () => {
  const metrics = new AuthorMetrics();
  metrics.record("echo", "a", [{ kind: "counter", name: "x", value: 1 }]);
  metrics.record("echo", "a", [
    { kind: "gauge", name: "x", value: 1 },
    { kind: "counter", name: "x", value: -1 },
    { kind: "counter", name: "x", value: NaN },
    { kind: "counter", name: "x", value: 1, labels: Object.fromEntries("abcdefghi".split("").map((c) => [c, c])) },
  ]);
  assert.equal(metrics.dropped, 4);
  for (let n = 0; n < 300; n++) metrics.record("echo", "a", [{ kind: "counter", name: `n${n}`, value: 1 }]);
  assert.deepEqual([metrics.list().length, metrics.dropped], [200, 4 + 101]);
});
