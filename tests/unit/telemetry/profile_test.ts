import assert from "node:assert/strict";
import { collectGarbage } from "../../../core/telemetry/profile.ts";

Deno.test("collectGarbage frees what nobody holds any more, in a process without V8's --expose-gc", async () => {
  assert.equal("gc" in globalThis, false);
  const freed = ((): WeakRef<object> => new WeakRef({ nobody: "holds this" }))();
  // V8's answer does not keep the event loop alive.
  const alive = setInterval(() => {}, 1_000);
  await collectGarbage();
  clearInterval(alive);
  assert.equal(freed.deref(), undefined);
});
