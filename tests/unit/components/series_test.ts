import { deepEqual, equal, match } from "node:assert/strict";
import { latestOf, onSteps, pathsOf, roundTop, stepsBetween } from "../../../components/charts/series.ts";

Deno.test("onSteps puts each point where its step is, and leaves gaps as gaps", () => {
  const points = [[20, 2], [30, 4, 9], [50, null], [60, 7], [10, 1]];
  const steps = { sinceMs: 20, stepMs: 10, count: 4 };
  deepEqual(onSteps(points, steps), [2, 4, null, null]);
  deepEqual(onSteps(points, steps, 2), [null, 9, null, null]);
});

Deno.test("stepsBetween begins at a multiple of the step and holds both ends", () => {
  deepEqual(stepsBetween(25, 51, 10), { sinceMs: 20, stepMs: 10, count: 4 });
  deepEqual(stepsBetween(20, 50, 10), { sinceMs: 20, stepMs: 10, count: 3 });
  deepEqual(stepsBetween(20, 20, 10), { sinceMs: 20, stepMs: 10, count: 1 });
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
