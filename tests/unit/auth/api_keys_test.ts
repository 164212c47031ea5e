import assert from "node:assert/strict";
import { ApiKeys, bearerOf, makeApiKey } from "../../../core/auth/api_keys.ts";
import { includesRole } from "../../../core/auth/principal.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { ROLES } from "../../../db/schema/states.ts";

const KEY = "gr_0123456789abcdef";
const keysWith = (adminKey: string) => new ApiKeys({ adminKey, logger: silentLogger });

Deno.test("ApiKeys knows the admin key as a bearer token, however the scheme is written, before there is a database", async () => {
  const keys = keysWith(KEY);
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    assert.deepEqual(await keys.authenticate(`${scheme} ${KEY}`), { name: "admin", role: "admin", via: "key" });
  }
});

Deno.test("ApiKeys knows nobody by no header, another scheme, or a key that is not exactly ours", async () => {
  const keys = keysWith(KEY);
  const wrong = [null, "", "Bearer", "Bearer ", `Basic ${KEY}`, KEY, `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`];
  wrong.push(`Bearer  ${KEY}`, `Bearer ${KEY} `, `Bearer ${KEY.toUpperCase()}`, `Bearer ${"a".repeat(10_000)}`);
  wrong.push(`Bearer ${KEY}, Bearer ${KEY}`, `xBearer ${KEY}`, `Bearer ${KEY}\u0000`);
  for (const header of wrong) assert.equal(await keys.authenticate(header), null, String(header));
});

Deno.test("bearerOf gives the key of a header that has one, else null", () => {
  assert.equal(bearerOf(`Bearer ${KEY}`), KEY);
  for (const header of [null, "", "Basic x", "Bearer a b"]) assert.equal(bearerOf(header), null);
});

Deno.test("ApiKeys does not show the key", () => {
  assert.ok(!Deno.inspect(keysWith(KEY), { depth: 9 }).includes(KEY));
});

Deno.test("makeApiKey gives 256 random bits that GREENROOM_API_KEY takes", async () => {
  const keys = new Set(Array.from({ length: 100 }, makeApiKey));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^gr_[A-Za-z0-9_-]{43}$/);
  const [key = ""] = keys;
  assert.ok(await keysWith(key).authenticate(`Bearer ${key}`));
});

Deno.test("includesRole orders viewer, operator, admin: over all pairs", () => {
  const included = ROLES.flatMap((role) =>
    ROLES.filter((needed) => includesRole(role, needed)).map((needed) => `${role} > ${needed}`)
  );
  assert.deepEqual(included, [
    "viewer > viewer",
    "operator > viewer",
    "operator > operator",
    "admin > viewer",
    "admin > operator",
    "admin > admin",
  ]);
});
