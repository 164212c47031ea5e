import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../../db/page.ts";
import { type Input, isUuid, readCursor, readJson, readQuery, readText } from "../../../routes/(_shared)/input.ts";
import {
  dispatchListQuerySchema,
  jobListQuerySchema,
  logListQuerySchema,
  nextCursor,
} from "../../../routes/(_shared)/list.ts";

/** The end of the year 9999. */
const MAX_MS = 253_402_300_799_999;
const SCHEMA = z.strictObject({ a: z.number().optional() });
const ID = "01890000-abcd-7000-8000-00000000000f";

function posted(body: BodyInit | null): Request {
  return new Request("http://localhost/", { method: "POST", body });
}

async function refusal(input: Input<unknown>): Promise<{ status: number; code: string }> {
  assert.ok(!input.ok);
  return { status: input.response.status, code: (await input.response.json()).code };
}

Deno.test("readJson gives the body, and {} for one that is missing or blank", async () => {
  assert.deepEqual(await readJson(posted('{"a":1}'), SCHEMA, 100), { ok: true, value: { a: 1 } });
  for (const empty of [null, "", " \n"]) {
    assert.deepEqual(await readJson(posted(empty), SCHEMA, 100), { ok: true, value: {} });
  }
});

Deno.test("readJson tells a body that is not JSON from one that does not fit", async () => {
  assert.deepEqual(await refusal(await readJson(posted("{a:1}"), SCHEMA, 100)), { status: 400, code: "invalid_json" });
  for (const body of ['{"a":"1"}', '{"b":1}', "[]", "1", "null"]) {
    const found = await refusal(await readJson(posted(body), SCHEMA, 100));
    assert.deepEqual(found, { status: 400, code: "invalid_request" }, body);
  }
});

Deno.test("readText takes exactly the limit and counts bytes", async () => {
  assert.deepEqual(await readText(posted("é".repeat(5)), 10), { ok: true, value: "é".repeat(5) });
  const over = await refusal(await readText(posted("é".repeat(5) + "a"), 10));
  assert.deepEqual(over, { status: 413, code: "body_too_large" });
});

Deno.test("readText keeps a character that two chunks share", async () => {
  const bytes = new TextEncoder().encode("é");
  const chunks = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  assert.deepEqual(await readText(posted(chunks), 10), { ok: true, value: "é" });
});

Deno.test("readText reads no further than the limit of a body without end", async () => {
  let chunks = 0;
  const endless = new ReadableStream({ pull: (controller) => void (chunks++, controller.enqueue(new Uint8Array(10))) });
  assert.equal((await refusal(await readText(posted(endless), 100))).status, 413);
  assert.ok(chunks < 50, `${chunks} chunks`);
});

Deno.test("readQuery gives parsed values with defaults, and refuses unknown parameters of the lists", async () => {
  const query = (text: string) => readQuery(new URL(`http://localhost/?${text}`), dispatchListQuerySchema);
  assert.deepEqual(query(""), { ok: true, value: { limit: 50 } });
  assert.deepEqual(query("limit=200&state=failed&agent=a"), {
    ok: true,
    value: { limit: 200, state: "failed", agent: "a" },
  });
  for (
    const bad of [
      "limit=0",
      "limit=201",
      "limit=x",
      "state=odd",
      "stat=failed",
      "agent=%00",
      "room=a%0a",
      `cursor=${"a".repeat(201)}`,
    ]
  ) {
    assert.deepEqual(await refusal(query(bad)), { status: 400, code: "invalid_request" }, bad);
  }
});

Deno.test("the lists of jobs and log lines check their own parameters", () => {
  assert.ok(jobListQuerySchema.safeParse({ dispatchId: ID }).success);
  assert.ok(!jobListQuerySchema.safeParse({ dispatchId: "1" }).success);
  assert.deepEqual(logListQuerySchema.parse({}), { limit: 200, cursor: 0 });
  for (const bad of [{ limit: "1001" }, { limit: "0" }, { cursor: "-1" }, { cursor: "x" }]) {
    assert.ok(!logListQuerySchema.safeParse(bad).success);
  }
});

Deno.test("a cursor that we made comes back as it was, whatever its time and id", () => {
  const times = fc.date({ min: new Date(0), max: new Date(MAX_MS), noInvalidDate: true });
  fc.assert(fc.property(times, fc.uuid(), (createdAt, id) => {
    const text = encodeCursor({ createdAt, id });
    assert.match(text, /^[A-Za-z0-9_-]+$/);
    assert.deepEqual(decodeCursor(text), { createdAt, id });
    assert.deepEqual(readCursor(text), { ok: true, value: { createdAt, id } });
  }));
});

Deno.test("no text makes decodeCursor throw or give a time or an id that Postgres would refuse", () => {
  const base64 = fc.string().map((text) => btoa(unescape(encodeURIComponent(text))));
  const near = fc.tuple(fc.string(), fc.oneof(fc.constant(ID), fc.string())).map(([ms, id]) =>
    btoa(ascii(`${ms}:${id}`))
  );
  fc.assert(fc.property(fc.oneof(fc.string(), base64, near), (text) => {
    const cursor = decodeCursor(text);
    if (cursor === null) return;
    assert.ok(cursor.createdAt.getTime() <= MAX_MS);
    assert.ok(isUuid(cursor.id));
  }));
  for (const ms of [MAX_MS + 1, "999999999999999", "", "-1", "1.5"]) {
    assert.equal(decodeCursor(btoa(`${ms}:${ID}`)), null);
  }
  for (const id of ["-".repeat(36), "0".repeat(36), ID.toUpperCase()]) {
    assert.equal(decodeCursor(btoa(`1:${id}`)), null);
  }
});

Deno.test("readCursor takes no cursor for the first page, and answers 400 to one that is not ours", async () => {
  assert.deepEqual(readCursor(undefined), { ok: true, value: null });
  assert.deepEqual(await refusal(readCursor("not ours")), { status: 400, code: "invalid_request" });
  assert.deepEqual(await refusal(readCursor("")), { status: 400, code: "invalid_request" });
});

Deno.test("nextCursor is that of the last row of a full page, and null on the last page", () => {
  const rows = [1, 2].map((n) => ({ id: ID, createdAt: new Date(n) }));
  assert.equal(nextCursor(rows, 3), null);
  assert.equal(nextCursor([], 1), null);
  assert.deepEqual(decodeCursor(nextCursor(rows, 2) ?? ""), rows[1]);
});

Deno.test("isUuid takes lower-case UUIDs only", () => {
  assert.ok(isUuid(ID));
  for (const bad of ["", ID.toUpperCase(), `${ID}0`, ` ${ID}`, `${ID}\n`, ID.replaceAll("-", "")]) {
    assert.ok(!isUuid(bad), bad);
  }
});

function ascii(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[^\x00-\x7f]/g, "?");
}
