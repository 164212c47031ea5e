/**
 * How many spans a second the writer stores (budget: 20,000/s), and what tracing one dispatch costs the control plane.
 *   deno run -A bench/spans.ts [spans]
 */
import { silentLogger } from "../core/lifecycle/logger.ts";
import { uuidv7 } from "../core/lifecycle/uuid.ts";
import { DispatchTracer } from "../core/telemetry/dispatch_tracer.ts";
import { SpanWriter } from "../core/telemetry/span_writer.ts";
import { maintainPartitions } from "../db/partitions.ts";
import { startTestPostgres } from "../tests/support/postgres.ts";

const SPANS_PER_DISPATCH = 8;
const wanted = Number(Deno.args[0] ?? 100_000);
const instanceId = uuidv7();

const postgres = await startTestPostgres();
const { database, drop } = await postgres.createTestDatabase();
try {
  await maintainPartitions(database, new Date(), 30);
  await database.warm();
  const writer = new SpanWriter({ database, instanceId, logger: silentLogger, maxBuffered: wanted * 2 });
  const tracer = new DispatchTracer([writer]);
  const dispatches = Math.ceil(wanted / SPANS_PER_DISPATCH);
  traceDispatches(tracer, 200); // warms the code up
  await writer.forceFlush();
  const madeAtMs = performance.now();
  traceDispatches(tracer, dispatches);
  const makingMs = performance.now() - madeAtMs;
  const { buffered } = writer;
  const flushedAtMs = performance.now();
  await writer.forceFlush();
  const writingMs = performance.now() - flushedAtMs;
  const [stored] = await database.sql<{ count: number }[]>`select count(*)::int as count from spans`;
  console.table({
    "spans stored": stored?.count,
    "spans written per second": Math.round(buffered / writingMs * 1000),
    "tracing one dispatch (ms)": Number((makingMs / dispatches).toFixed(4)),
    "spans of one dispatch": buffered / dispatches,
  });
} finally {
  await drop();
  await postgres.stop();
}

function traceDispatches(tracer: DispatchTracer, count: number): void {
  const now = Date.now();
  for (let n = 0; n < count; n++) {
    const [id, jobId] = [uuidv7(), uuidv7()];
    const common = { agent: "echo", room: `room-${n % 100}`, priority: "normal", placement: "direct", origin: "rest" };
    const stamps = { assignedAt: now + 1, enteredAt: now + 4, connectedAt: now + 60, readyAt: now + 61 };
    const ended = { endedAt: now + 60_000, outcome: "succeeded", failure: null };
    tracer.traceparentOf(id, jobId, null);
    tracer.dispatchEnded({
      ...{ ...common, ...ended, id, requestedAt: now },
      job: { ...{ ...stamps, ...ended, id: jobId, attempt: 1 }, jobType: "room", endReason: "entry_returned" },
    });
    tracer.processGone({ id, agent: "echo", room: common.room }, jobId, now + 60_000, now + 60_200);
  }
}
