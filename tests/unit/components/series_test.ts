import { deepEqual, equal, match } from "node:assert/strict";
import { latestOf, pathsOf, roundTop, toBuckets } from "../../../components/charts/series.ts";

Deno.test("toBuckets means what falls into a part, and leaves gaps as gaps", () => {
  const points = [[0, 2], [10, 4], [25, 6], [95, null], [120, 9]];
  deepEqual(toBuckets(points, { sinceMs: 0, untilMs: 100, buckets: 4 }), [3, 6, null, null]);
});

Deno.test("roundTop gives four equal round steps that hold the largest value", () => {
  deepEqual([0, 3, 21, 96, 184].map((value) => roundTop(value)), [4, 4, 24, 100, 200]);
});

Deno.test("pathsOf draws no line through what is not known", () => {
  const { line, newest } = pathsOf({ values: [1, 1, null, 2, 2, 2], colour: "" }, 4);
  equal(line.match(/M/g)?.length, 2);
  match(newest, /^M480 50L600 50$/);
});

Deno.test("pathsOf shows a value that stands alone", () => {
  match(pathsOf({ values: [null, 2, null], colour: "" }, 4).line, /h-5/);
});

Deno.test("latestOf is the newest that is known, null when none is", () => {
  equal(latestOf([1, 2, null]), 2);
  equal(latestOf([null]), null);
});
