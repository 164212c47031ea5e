import assert from "node:assert/strict";
import {
  checkMetadata,
  metadataForAgent,
  priorityInMetadata,
  timeoutInMetadataMs,
} from "../../../core/dispatch/metadata_check.ts";
import type { AgentEntry } from "../../../core/runtime/agent_catalog.ts";
import type { MetadataCheck } from "../../../core/runtime/agent_host.ts";
import { PRIORITIES } from "../../../db/schema/states.ts";

const MAX_BYTES = 100;

/** An agent whose host answers `answer`; `seen` holds what it was asked to check. */
function agentWith(schema: Record<string, unknown> | null, answer?: MetadataCheck) {
  const seen: unknown[] = [];
  const entry = {
    descriptor: { hasMetadataSchema: schema !== null, metadataSchema: schema },
    validateMetadata: (metadata: unknown): Promise<MetadataCheck> => {
      seen.push(metadata);
      return Promise.resolve(answer ?? { ok: true, metadata });
    },
  } as unknown as AgentEntry;
  return { entry, seen };
}

Deno.test("checkMetadata hands metadata on as it is when the agent has no schema", async () => {
  const { entry, seen } = agentWith(null);
  for (const given of [{ a: 1 }, "not json", "", { priority: "high" }]) {
    assert.deepEqual(await checkMetadata(entry, given, MAX_BYTES), { ok: true, metadata: given });
  }
  assert.deepEqual(await checkMetadata(entry, undefined, MAX_BYTES), { ok: true, metadata: null });
  assert.deepEqual(seen, []);
});

Deno.test("checkMetadata counts bytes, not characters, and takes exactly the limit", async () => {
  const { entry } = agentWith(null);
  const cases: [unknown, number][] = [["a".repeat(100), 100], ["é".repeat(50), 100], [{ k: "a".repeat(92) }, 100]];
  for (const [given] of cases) assert.equal((await checkMetadata(entry, given, MAX_BYTES)).ok, true);
  const over: [unknown, number][] = [["a".repeat(101), 101], ["é".repeat(51), 102], [{ k: "a".repeat(93) }, 101]];
  for (const [given, bytes] of over) {
    assert.deepEqual(await checkMetadata(entry, given, MAX_BYTES), {
      ok: false,
      refusal: { code: "metadata_too_large", bytes, maxBytes: MAX_BYTES },
    });
  }
});

Deno.test("checkMetadata gives what the schema made of it, also of a string that holds JSON", async () => {
  const { entry, seen } = agentWith({}, { ok: true, metadata: { a: 1, added: true } });
  const expected = { ok: true, metadata: { a: 1, added: true } };
  assert.deepEqual(await checkMetadata(entry, { a: 1 }, MAX_BYTES), expected);
  assert.deepEqual(await checkMetadata(entry, '{"a":1}', MAX_BYTES), expected);
  assert.deepEqual(seen, [{ a: 1 }, { a: 1 }]);
});

Deno.test("checkMetadata refuses a string that is not JSON when the agent has a schema, without asking its host", async () => {
  const { entry, seen } = agentWith({});
  const verdict = await checkMetadata(entry, "hello", MAX_BYTES);
  assert.ok(!verdict.ok && verdict.refusal.code === "invalid_metadata");
  assert.equal(verdict.refusal.errors[0]?.path, "metadata");
  assert.deepEqual(seen, []);
});

Deno.test("checkMetadata names each wrong field below metadata", async () => {
  const errors = [{ path: "", message: "is required" }, { path: "customer.name", message: "is too short" }];
  const { entry } = agentWith({}, { ok: false, errors });
  const verdict = await checkMetadata(entry, {}, MAX_BYTES);
  assert.ok(!verdict.ok && verdict.refusal.code === "invalid_metadata");
  assert.deepEqual(verdict.refusal.errors.map(({ path }) => path), ["metadata", "metadata.customer.name"]);
});

Deno.test("checkMetadata tells a host that gave no answer from metadata that is wrong", async () => {
  const { entry } = agentWith({}, { ok: false, timedOut: true, errors: [{ path: "", message: "stuck" }] });
  assert.deepEqual(await checkMetadata(entry, {}, MAX_BYTES), {
    ok: false,
    refusal: { code: "metadata_unchecked", message: "stuck" },
  });
});

Deno.test("checkMetadata refuses what Postgres can't keep, given or made by the schema, however deep it lies", async () => {
  const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  const bad = ["\0", { a: [{ b: "x\0" }] }, { "\0": 1 }, { a: "\ud800" }, { a: nested(100) }, { a: nested(20_000) }];
  for (const given of bad) {
    const verdict = await checkMetadata(agentWith(null).entry, given, Infinity);
    assert.ok(!verdict.ok && verdict.refusal.code === "invalid_metadata");
  }
  assert.ok((await checkMetadata(agentWith(null).entry, { a: nested(99) }, Infinity)).ok);
  assert.equal((await checkMetadata(agentWith({}).entry, '{"a":"\\u0000"}', Infinity)).ok, false);
});

Deno.test("priority is taken out of the metadata before validation, unless the schema names it or it is none of ours", async () => {
  const without = agentWith({ properties: { a: {} } });
  await checkMetadata(without.entry, { a: 1, priority: "high" }, MAX_BYTES);
  await checkMetadata(without.entry, { a: 1, priority: "soon" }, MAX_BYTES);
  assert.deepEqual(without.seen, [{ a: 1 }, { a: 1, priority: "soon" }]);
  const naming = agentWith({ properties: { priority: {} } });
  await checkMetadata(naming.entry, { priority: "high" }, MAX_BYTES);
  assert.deepEqual(naming.seen, [{ priority: "high" }]);
});

Deno.test("priorityInMetadata reads a priority of ours from an object, and nothing else", () => {
  for (const priority of PRIORITIES) assert.equal(priorityInMetadata({ priority }), priority);
  for (
    const none of [null, undefined, "high", 1, [], {}, { priority: "HIGH" }, { priority: 1 }, { Priority: "high" }]
  ) {
    assert.equal(priorityInMetadata(none), null);
  }
});

Deno.test("checkMetadata takes a timeout out before validation and keeps it with the dispatch, not with the agent", async () => {
  const schema = { properties: { a: {} } };
  const { entry, seen } = agentWith(schema);
  const verdict = await checkMetadata(entry, { a: 1, timeout: 2.5, priority: "high" }, MAX_BYTES);
  assert.deepEqual(verdict, { ok: true, metadata: { a: 1, timeout: 2.5 } });
  assert.deepEqual(seen, [{ a: 1 }]);
  assert.ok(verdict.ok);
  assert.equal(timeoutInMetadataMs(verdict.metadata), 2_500);
  assert.deepEqual(metadataForAgent(verdict.metadata, schema), { a: 1 });
});

Deno.test("checkMetadata leaves a timeout that the schema names to the schema, and one without a schema to the agent", async () => {
  const schema = { properties: { timeout: {} } };
  const { entry, seen } = agentWith(schema);
  const given = { timeout: 7 };
  assert.deepEqual(await checkMetadata(entry, given, MAX_BYTES), { ok: true, metadata: given });
  assert.deepEqual([seen, metadataForAgent(given, schema), metadataForAgent(given, null)], [[given], given, given]);
});

Deno.test("checkMetadata refuses a timeout that is none, when the schema does not name it", async () => {
  const { entry } = agentWith({ properties: {} });
  for (const timeout of [0, -1, 604_801]) {
    const verdict = await checkMetadata(entry, { timeout }, MAX_BYTES);
    assert.ok(!verdict.ok && verdict.refusal.code === "invalid_metadata");
    assert.equal(verdict.refusal.errors[0]?.path, "metadata.timeout");
  }
  assert.equal((await checkMetadata(entry, { timeout: 604_800 }, MAX_BYTES)).ok, true);
});

Deno.test("timeoutInMetadataMs reads seconds, also of JSON text, and nothing else", () => {
  assert.equal(timeoutInMetadataMs('{"timeout":1.5}'), 1_500);
  for (const none of [null, "timeout", "{", { timeout: "5" }, { timeout: 0 }, { timeout: -3 }, { timeout: NaN }, [5]]) {
    assert.equal(timeoutInMetadataMs(none), null);
  }
});
