import assert from "node:assert/strict";

const PROMISES = new URL("../docs/promises.md", import.meta.url);
const NAMED = /`(tests\/[^`]+)`((?: ?,? ?"[^"]+")+)/g;

Deno.test("each test that docs/promises.md names exists", async () => {
  const promises = await Deno.readTextFile(PROMISES);
  const named = [...promises.matchAll(NAMED)];
  assert.ok(named.length > 50, "the table was read");
  const missing: string[] = [];
  for (const [, path = "", titles = ""] of named) {
    const source = await Deno.readTextFile(new URL(`../${path}`, import.meta.url)).catch(() => "");
    for (const [, title = ""] of titles.matchAll(/"([^"]+)"/g)) {
      if (!source.includes(title)) missing.push(`${path}: ${title}`);
    }
  }
  assert.deepEqual(missing, []);
});
