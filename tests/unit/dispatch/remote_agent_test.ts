import assert from "node:assert/strict";
import { z } from "zod";
import { defineAgent } from "../../../core/agent/define_agent.ts";
import { describeAgent } from "../../../core/agent/descriptor.ts";
import { checkMetadata } from "../../../core/dispatch/metadata_check.ts";
import { remoteMetadataChecker } from "../../../core/dispatch/remote_agent.ts";

const SLOW = /^(a+)+$/;

/** As the agents' table has it. */
function stored(metadata?: z.ZodType): unknown {
  const agent = defineAgent({ name: "far", entry: async () => {}, ...(metadata ? { metadata } : {}) });
  return JSON.parse(JSON.stringify(describeAgent(agent)));
}

const CUSTOMER = z.object({ customer: z.string().min(2), tier: z.enum(["gold", "silver"]).default("silver") });
const check = (row: unknown, given: unknown) => checkMetadata(remoteMetadataChecker(row), given, 1_000);

Deno.test("metadata of an agent hosted elsewhere is refused field by field, and gets its defaults", async () => {
  const row = stored(CUSTOMER);
  assert.deepEqual(await check(row, { customer: "Ann" }), { ok: true, metadata: { customer: "Ann", tier: "silver" } });
  const refused = await check(row, { customer: 7, tier: "iron" });
  assert.ok(!refused.ok && refused.refusal.code === "invalid_metadata");
  assert.deepEqual(refused.refusal.errors.map(({ path }) => path), ["metadata.customer", "metadata.tier"]);
  const text = await check(row, JSON.stringify({ customer: "Ann" }));
  assert.deepEqual(text.ok && text.metadata, { customer: "Ann", tier: "silver" });
});

Deno.test("patterns of an agent hosted elsewhere are not run here", async () => {
  const row = stored(z.object({ pattern: z.string().regex(SLOW) }));
  const evil = { pattern: `${"a".repeat(40)}!` };
  assert.deepEqual(await check(row, evil), { ok: true, metadata: evil });
  assert.equal((await check(row, { pattern: 1 })).ok, false);
});

Deno.test("without a schema, or with a row that is not understood, metadata of any shape passes, within its limits", async () => {
  for (const row of [stored(), null, { name: "old" }]) {
    assert.deepEqual(await check(row, { any: 1 }), { ok: true, metadata: { any: 1 } });
    assert.deepEqual(await check(row, undefined), { ok: true, metadata: null });
    assert.equal((await check(row, { a: "\0" })).ok, false);
    assert.equal((await check(row, "x".repeat(2_000))).ok, false);
  }
});
