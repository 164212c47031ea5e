import assert from "node:assert/strict";
import { TestReport } from "../../support/test_report.ts";

const OUTPUT = `running 3 tests from ./tests/a_test.ts
ok ... ok (1ms)
bad one ... FAILED (1ms)

 ERRORS 

bad one => ./tests/a_test.ts:2:6
error: Error: boom
second line
    at file:///tmp/a_test.ts:2:36

steps ... inner => ./tests/a_test.ts:3:43
error: TypeError: in
error: not the first

./tests/c_test.ts (uncaught error)
error: (in promise) Error: at load

 FAILURES 

bad one => ./tests/a_test.ts:2:6
steps ... inner => ./tests/a_test.ts:3:43
./tests/c_test.ts (uncaught error)

FAILED | 2 passed (7 steps) | 3 failed (1 step) | 1 ignored (413ms)`;

function reportOf(output: string): TestReport {
  const report = new TestReport();
  for (const line of output.split("\n")) report.take(line);
  return report;
}

Deno.test("A test report has the counts of the closing line, and each failure once with its file and error", () => {
  const report = reportOf(OUTPUT);
  assert.deepEqual(report.counts, { passed: 2, failed: 3, ignored: 1 });
  assert.deepEqual(report.failures, [
    { test: "bad one", file: "./tests/a_test.ts", error: "Error: boom" },
    { test: "steps ... inner", file: "./tests/a_test.ts", error: "TypeError: in" },
    { test: "(uncaught error)", file: "./tests/c_test.ts", error: "(in promise) Error: at load" },
  ]);
  assert.deepEqual(report.failedFiles, ["./tests/a_test.ts", "./tests/c_test.ts"]);
  report.takeError("error: Test failed");
  assert.equal(report.brokenOffBy, "");
});

Deno.test("A run without its closing line, or with an error outside of any test, was broken off", () => {
  assert.match(reportOf("running 1 test from ./tests/a_test.ts\nok ... ok (1ms)").brokenOffBy, /closing line/);
  const report = reportOf(OUTPUT);
  report.takeError("error: Error: late");
  assert.equal(report.brokenOffBy, "Error: late");
});

Deno.test("A run without failures has counts and no file", () => {
  const report = reportOf("ok | 7 passed (2 steps) | 0 failed (3s)");
  assert.deepEqual(report.counts, { passed: 7, failed: 0, ignored: 0 });
  assert.deepEqual(report.failedFiles, []);
});
