import assert from "node:assert/strict";
import { ChildTracer } from "../../../core/runtime/child/child_tracer.ts";
import { childMessageSchema, type SpanMessage } from "../../../core/runtime/messages.ts";
import { formatTraceparent, parseTraceparent } from "../../../core/telemetry/trace_ids.ts";

const JOB_SPAN = "00f067aa0ba902b7";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function newTracer(): { tracer: ChildTracer; sent: SpanMessage[]; warnings: string[] } {
  const [sent, warnings]: [SpanMessage[], string[]] = [[], []];
  const job = { jobId: "job", dispatchId: crypto.randomUUID(), traceparent: `00-${TRACE}-${JOB_SPAN}-01` };
  const log = { warn: (message: string) => void warnings.push(message) };
  return { tracer: new ChildTracer({ job, send: (message) => void sent.push(message), log }), sent, warnings };
}

Deno.test("ctx.tracer nests spans along the calls, also across awaits and side by side", async () => {
  const { tracer, sent } = newTracer();
  await tracer.span("outer", async () => {
    await Promise.all(["a", "b"].map((name) =>
      tracer.span(name, async () => {
        await Promise.resolve();
        tracer.startSpan(`in ${name}`).end();
      })
    ));
  });
  const idOf = (name: string) => sent.find((span) => span.name === name)?.spanId;
  const parents = Object.fromEntries(sent.map(({ name, parentSpanId }) => [name, parentSpanId]));
  assert.deepEqual(parents, {
    outer: JOB_SPAN,
    a: idOf("outer"),
    b: idOf("outer"),
    "in a": idOf("a"),
    "in b": idOf("b"),
  });
});

Deno.test("a span that throws is failed, ended once, and the error goes on", async () => {
  const { tracer, sent } = newTracer();
  await assert.rejects(
    tracer.span("bad", (span) => {
      span.end();
      throw new Error("no");
    }),
    /no/,
  );
  assert.equal(sent.length, 1);
  const [failed] = await tracer.span("worse", () => Promise.reject(new RangeError("out"))).catch(() => sent.slice(1));
  assert.equal(failed?.statusMessage, "RangeError: out");
});

Deno.test("whatever user code gives, the message fits what the control plane takes", () => {
  const { tracer, sent } = newTracer();
  const span = tracer.startSpan("", { long: "x".repeat(100_000), number: NaN });
  span.setAttribute("object", {} as string);
  span.fail("y".repeat(100_000));
  span.end();
  tracer.startSpan("n".repeat(10_000)).end();
  for (const message of sent) assert.ok(childMessageSchema.safeParse(message).success);
});

Deno.test("ctx.tracer sends 1,000 spans and says that there were more", () => {
  const { tracer, sent, warnings } = newTracer();
  for (let n = 0; n < 1_500; n++) tracer.startSpan("many").end();
  assert.equal(sent.length, 1_000);
  assert.equal(warnings.length, 1);
});

Deno.test("ctx.tracer's traceparent is the job's, and inside a span that span's", async () => {
  const { tracer } = newTracer();
  assert.equal(tracer.traceparent, `00-${TRACE}-${JOB_SPAN}-01`);
  await tracer.span("s", (span) => assert.equal(tracer.traceparent, span.traceparent));
});

Deno.test("parseTraceparent reads what formatTraceparent writes, and refuses the rest", () => {
  const parent = { traceId: TRACE, spanId: JOB_SPAN };
  assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent);
  for (
    const bad of [null, undefined, "", "00-x", `00-${"0".repeat(32)}-${JOB_SPAN}-01`, `01-${TRACE}-${JOB_SPAN}-01`]
  ) {
    assert.equal(parseTraceparent(bad), null, String(bad));
  }
});
