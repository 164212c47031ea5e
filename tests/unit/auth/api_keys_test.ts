import assert from "node:assert/strict";
import { ApiKeys, makeApiKey } from "../../../core/auth/api_keys.ts";

const KEY = "gr_0123456789abcdef";

Deno.test("ApiKeys knows the admin key as a bearer token, however the scheme is written", async () => {
  const keys = await ApiKeys.withAdminKey(KEY);
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    assert.deepEqual(await keys.authenticate(`${scheme} ${KEY}`), { name: "admin", role: "admin" });
  }
});

Deno.test("ApiKeys knows nobody by no header, another scheme, or a key that is not exactly ours", async () => {
  const keys = await ApiKeys.withAdminKey(KEY);
  const wrong = [null, "", "Bearer", "Bearer ", `Basic ${KEY}`, KEY, `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`];
  wrong.push(`Bearer  ${KEY}`, `Bearer ${KEY} `, `Bearer ${KEY.toUpperCase()}`, `Bearer ${"a".repeat(10_000)}`);
  wrong.push(`Bearer ${KEY}, Bearer ${KEY}`, `xBearer ${KEY}`, `Bearer ${KEY}\u0000`);
  for (const header of wrong) assert.equal(await keys.authenticate(header), null, String(header));
});

Deno.test("ApiKeys does not show the key", async () => {
  assert.ok(!Deno.inspect(await ApiKeys.withAdminKey(KEY), { depth: 9 }).includes(KEY));
});

Deno.test("makeApiKey gives 256 random bits that GREENROOM_API_KEY takes", async () => {
  const keys = new Set(Array.from({ length: 100 }, makeApiKey));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^gr_[A-Za-z0-9_-]{43}$/);
  const [key = ""] = keys;
  assert.ok(await (await ApiKeys.withAdminKey(key)).authenticate(`Bearer ${key}`));
});
