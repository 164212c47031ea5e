import assert from "node:assert/strict";
import fc from "fast-check";
import { sha256Hex } from "../../../core/dispatch/body_hash.ts";

/** The same value with the keys of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).toReversed().map(([key, part]) => [key, reversed(part)]));
}

Deno.test("sha256Hex does not depend on the order of keys, at any depth", async () => {
  await fc.assert(fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (value) => {
    assert.equal(await sha256Hex(reversed(value)), await sha256Hex(value));
  }));
});

Deno.test("sha256Hex differs for values that differ", async () => {
  const values = [{}, [], null, "", 0, { a: 1 }, { a: "1" }, { a: { b: 1 } }, [1, 2], [2, 1], { b: 1 }, { a: 1, b: 1 }];
  const hashes = await Promise.all(values.map(sha256Hex));
  assert.equal(new Set(hashes).size, values.length);
  for (const hash of hashes) assert.match(hash, /^[0-9a-f]{64}$/);
});

Deno.test("sha256Hex is SHA-256 of the JSON text", async () => {
  const expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"; // printf '{}' | sha256sum
  assert.equal(await sha256Hex({}), expected);
});
