import assert from "node:assert/strict";
import { JobOutput } from "../../../core/runtime/child/job_output.ts";
import { type ChildMessage, childMessageSchema } from "../../../core/runtime/messages.ts";

function output(
  maxLines = 100,
  jobId?: string,
): { output: JobOutput; lines: Extract<ChildMessage, { type: "log" }>[] } {
  const lines: Extract<ChildMessage, { type: "log" }>[] = [];
  return {
    lines,
    output: new JobOutput((message) => message.type === "log" && void lines.push(message), maxLines, jobId),
  };
}

Deno.test("JobOutput sends lines that fit the protocol, with the job's id unless they belong to loading", () => {
  const loading = output();
  const running = output(100, "job-1");
  loading.output.info("loading");
  running.output.error("failed", { error: new TypeError("no"), big: 3n, at: new Date(0) });
  const [before, line] = [...loading.lines, ...running.lines];
  for (const sent of [before, line]) childMessageSchema.parse(sent);
  assert.deepEqual([before?.jobId, line?.jobId], [undefined, "job-1"]);
  assert.deepEqual(line?.fields, { error: "TypeError: no", big: "3", at: "1970-01-01T00:00:00.000Z" });
});

Deno.test("JobOutput shows fields that are no JSON as text", () => {
  const { output: out, lines } = output();
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  out.info("circular", circular);
  out.info("huge", { text: "x".repeat(100_000) });
  for (const line of lines) childMessageSchema.parse(line);
  assert.match(String(lines[0]?.fields?.fields), /Circular/);
  assert.ok(String(lines[1]?.fields?.fields).length < 9_000);
});

Deno.test("JobOutput drops what goes beyond the limit of lines and reports the count once", () => {
  const { output: out, lines } = output(2);
  for (let i = 0; i < 5; i++) out.info(`line ${i}`);
  out.reportDropped();
  out.reportDropped();
  assert.deepEqual(lines.map((line) => line.message), [
    "line 0",
    "line 1",
    "3 lines of output were dropped: too many or too long for one job",
  ]);
});

Deno.test("JobOutput cuts a long line, and drops lines beyond its total size", () => {
  const { output: out, lines } = output(1_000_000);
  for (let i = 0; i < 2_000; i++) out.info("y".repeat(100_000));
  assert.ok((lines[0]?.message.length ?? 0) < 9_000);
  assert.ok(lines.length < 600, `${lines.length} lines were sent`);
});
