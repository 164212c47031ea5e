import assert from "node:assert/strict";
import { Admission } from "../../../core/capacity/admission.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { BreakerBoard, SERVED_AFTER_MS } from "../../../core/recovery/breaker_board.ts";
import { DEFAULT_BREAKER } from "../../../core/recovery/crash_breaker.ts";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let server: TestPostgres;
let test: TestDatabase;
let nowMs: number;
let running: { agent: string; jobId: string }[];

Deno.test.beforeAll(async () => {
  server = await startTestPostgres();
});
Deno.test.afterAll(() => server.stop());
Deno.test.beforeEach(async () => {
  test = await server.createTestDatabase();
  nowMs = Date.now();
  running = [];
});
Deno.test.afterEach(() => test.drop());

const { threshold, pauseMs } = DEFAULT_BREAKER;
const CRASH: JobEnd = { outcome: "failed", endReason: "process_gone", failure: { kind: "exit", message: "code 3" } };

function boardOf(limit = threshold): BreakerBoard {
  return new BreakerBoard({
    database: test.database,
    threshold: limit,
    running: () => running,
    onChange: () => {},
    logger: silentLogger,
    now: () => new Date(nowMs),
  });
}

function jobOf(ageMs = 0) {
  return { agent: "shaky", key: { jobId: uuidv7(nowMs - ageMs), dispatchId: uuidv7(), leaseToken: uuidv7() } };
}

async function crash(board: BreakerBoard, times: number, end = CRASH, ageMs = 0): Promise<void> {
  for (let n = 0; n < times; n++) board.ended(jobOf(ageMs), end, new Date(nowMs));
  await board.settled();
}

Deno.test("A crash loop opens the agent's breaker for the whole fleet, and no instance lets a job of it in", async () => {
  const [board, other] = [boardOf(), boardOf()];
  await crash(board, threshold - 1);
  assert.equal(board.mayStart("shaky"), Infinity);
  await crash(board, 1);
  await other.look();
  for (const each of [board, other]) {
    assert.deepEqual([each.of("shaky").state, each.mayStart("shaky")], ["open", 0]);
    const admission = new Admission(5, undefined, { gate: each });
    assert.deepEqual(admission.admit("shaky"), { ok: false, refusal: "breaker_open" });
    assert.equal(admission.freeFor("shaky"), 0);
    assert.ok(admission.admit("healthy").ok);
  }
  assert.match(board.of("shaky").reason ?? "", /^exit: code 3$/);
});

Deno.test("After its pause one job may try; when it has served for a while the breaker closes for all", async () => {
  const [board, other] = [boardOf(), boardOf()];
  await crash(board, threshold);
  nowMs += pauseMs;
  const admission = new Admission(5, undefined, { gate: board });
  assert.equal(admission.freeFor("shaky"), 1);
  assert.ok(admission.admit("shaky").ok);
  assert.deepEqual([board.of("shaky").state, admission.freeFor("shaky")], ["half_open", 0]);
  await board.settled();
  running = [{ agent: "shaky", jobId: uuidv7(nowMs) }];
  nowMs += SERVED_AFTER_MS;
  await board.look();
  await board.settled();
  await other.look();
  assert.deepEqual([board.mayStart("shaky"), other.mayStart("shaky")], [Infinity, Infinity]);
});

Deno.test("A try that crashes opens the breaker for twice as long", async () => {
  const board = boardOf();
  await crash(board, threshold);
  nowMs += pauseMs;
  board.started("shaky");
  await crash(board, 1);
  nowMs += pauseMs;
  assert.equal(board.mayStart("shaky"), 0);
  nowMs += pauseMs;
  assert.equal(board.mayStart("shaky"), 1);
});

Deno.test("What is not the agent's fault, or comes after a while of service, is no crash", async () => {
  const board = boardOf();
  await crash(board, threshold, CRASH, SERVED_AFTER_MS);
  for (const kind of ["connection_lost", "instance_lost", "deadline_exceeded", "stage_timed_out_connected"] as const) {
    await crash(board, threshold, { ...CRASH, failure: { kind, message: "" } } as JobEnd);
  }
  const notReached = {
    kind: "exception",
    message: "ConnectError: the room can't be joined",
    class: "network",
  } as const;
  await crash(board, threshold, { ...CRASH, failure: notReached });
  await crash(board, threshold, { outcome: "cancelled", endReason: "cancelled" });
  assert.deepEqual([board.of("shaky").failures, boardOf(0).mayStart("shaky")], [0, Infinity]);
  const never = boardOf(0);
  await crash(never, 100);
  assert.equal(never.mayStart("shaky"), Infinity);
});
