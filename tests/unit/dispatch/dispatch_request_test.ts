import assert from "node:assert/strict";
import {
  DEFAULT_WAIT_MS,
  dispatchRequestSchema,
  MAX_ROOM_NAME_CHARS,
  MAX_WAIT_MS,
  retryRequestSchema,
  waitQuerySchema,
} from "../../../core/dispatch/dispatch_request.ts";

const LEAST = { agent: "echo", room: "room" };

function paths(fields: Record<string, unknown>): string[] {
  const parsed = dispatchRequestSchema.safeParse({ ...LEAST, ...fields });
  return parsed.success ? [] : [...new Set(parsed.error.issues.map(({ path }) => path.join(".")))];
}

Deno.test("a dispatch request needs agent and room, and takes every documented field", () => {
  assert.deepEqual(dispatchRequestSchema.parse(LEAST), LEAST);
  const full = { ...LEAST, metadata: { a: 1 }, priority: "urgent", idempotencyKey: "k-1", placement: "livekit" };
  assert.deepEqual(dispatchRequestSchema.parse(full), full);
  assert.equal(dispatchRequestSchema.safeParse({ agent: "echo" }).success, false);
  assert.equal(dispatchRequestSchema.safeParse({ room: "room" }).success, false);
  assert.equal(dispatchRequestSchema.safeParse({ ...LEAST, rom: "x" }).success, false);
});

Deno.test("a room's name is refused when it is empty, too long, padded, or holds what can't be stored", () => {
  for (const room of ["", " room", "room ", "a\u0000b", "a\nb", "a\u007fb", "\ud800", "a".repeat(257), 1, null]) {
    assert.deepEqual(paths({ room }), ["room"], String(room));
  }
  for (const room of ["a".repeat(MAX_ROOM_NAME_CHARS), "Zimmer 42 – ünï \u{1F600}", "/?#"]) {
    assert.deepEqual(paths({ room }), []);
  }
});

Deno.test("an agent's name, a key, a priority and a placement are refused when they are none", () => {
  for (const agent of ["", "a".repeat(65), "a\u0000", 1]) assert.deepEqual(paths({ agent }), ["agent"]);
  for (const idempotencyKey of ["", "with space", "ü", "a".repeat(256)]) {
    assert.deepEqual(paths({ idempotencyKey }), ["idempotencyKey"]);
  }
  assert.deepEqual(paths({ priority: "asap", placement: "here" }).toSorted(), ["placement", "priority"]);
});

Deno.test("a start, a deadline, a region and a rule of one are refused when they are none", () => {
  const good = {
    scheduledAt: "2030-01-02T03:04:05+02:00",
    deadlineMs: 2_592_000_000,
    region: "eu",
    oneAgentPerRoom: "reuse",
  };
  assert.deepEqual(paths(good), []);
  for (const scheduledAt of ["soon", "2030-01-02", "2030-01-02T03:04:05", 1]) {
    assert.deepEqual(paths({ scheduledAt }), ["scheduledAt"], String(scheduledAt));
  }
  for (const deadlineMs of [0, -1, 1.5, 2_592_000_001, "5"]) {
    assert.deepEqual(paths({ deadlineMs }), ["deadlineMs"], String(deadlineMs));
  }
  const wrong = { region: "", oneAgentPerRoom: "maybe" };
  assert.deepEqual(paths(wrong).toSorted(), ["oneAgentPerRoom", "region"]);
});

Deno.test("metadata is an object or a string, for a dispatch and for a retry", () => {
  for (const metadata of [{}, { a: [1] }, "", "text"]) {
    assert.deepEqual(paths({ metadata }), []);
    assert.ok(retryRequestSchema.safeParse({ metadata }).success);
  }
  for (const metadata of [1, true, null, []]) {
    assert.deepEqual(paths({ metadata }), ["metadata"]);
    assert.ok(!retryRequestSchema.safeParse({ metadata }).success);
  }
});

Deno.test("the wait has defaults, takes its limits, and refuses what lies beyond", () => {
  assert.deepEqual(waitQuerySchema.parse({}), { wait: "none", waitMs: DEFAULT_WAIT_MS, onWaitTimeout: "continue" });
  for (const waitMs of ["1", String(MAX_WAIT_MS)]) {
    assert.equal(waitQuerySchema.parse({ waitMs }).waitMs, Number(waitMs));
  }
  for (const waitMs of ["0", String(MAX_WAIT_MS + 1), "-1", "1.5", "", "1e3"]) {
    assert.equal(waitQuerySchema.safeParse({ waitMs }).success, false, waitMs);
  }
  for (const wrong of [{ wait: "finished" }, { onWaitTimeout: "stop" }]) {
    assert.equal(waitQuerySchema.safeParse(wrong).success, false);
  }
});
