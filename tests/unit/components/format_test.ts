import { deepEqual, equal } from "node:assert/strict";
import { ago, bytes, count, duration, plural, shortId, splitDuration, stopwatch } from "../../../components/format.ts";

Deno.test("duration names a time in its own unit", () => {
  const cases = [[0, "0 ms"], [94.4, "94 ms"], [1_210, "1.21 s"], [3_800, "3.8 s"], [38_000, "38 s"], [
    633_000,
    "10 min 33 s",
  ]];
  deepEqual(cases.map(([ms]) => duration(Number(ms))), cases.map(([, words]) => words));
  equal(duration(7_500_000), "2 h 5 min");
  equal(duration(360_000_000), "4 d 4 h");
});

Deno.test("duration never rounds up to a wrong unit", () => {
  deepEqual(splitDuration(-5), { figure: "0", unit: "ms" });
  equal(duration(59_900), "60 s");
});

Deno.test("stopwatch shows minutes and, from an hour on, hours", () => {
  deepEqual([0, 376_000, 3_723_000].map(stopwatch), ["0:00", "6:16", "1:02:03"]);
});

Deno.test("ago counts in whole units and knows no future", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  const at = (secondsBefore: number) => ago(new Date(now - secondsBefore * 1_000), now);
  deepEqual([-3, 2, 61, 7_200, 200_000].map(at), ["0 s ago", "2 s ago", "1 min ago", "2 h ago", "2 d ago"]);
});

Deno.test("counts are grouped, agree with their noun, and ids show their end", () => {
  equal(count(1284), "1,284");
  deepEqual([1, 2, 0].map((n) => plural(n, "job")), ["1 job", "2 jobs", "0 jobs"]);
  equal(shortId("0199a4c1-7c3e-7b02-9d41-5e217c3e91ab"), "7c3e91ab");
  deepEqual([524_288_000, 2_040_109_466].map(bytes), ["500 MB", "1.9 GB"]);
});
