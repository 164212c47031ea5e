import assert from "node:assert/strict";
import type { JobContext } from "../../../core/agent/job_context.ts";
import { compose, type Middleware } from "../../../core/agent/middleware.ts";

const ctx = {} as JobContext;

Deno.test("compose wraps the entry, the first middleware outermost", async () => {
  const seen: string[] = [];
  const around = (name: string): Middleware => async (_, next) => {
    seen.push(`${name} before`);
    await next();
    seen.push(`${name} after`);
  };
  await compose([around("a"), around("b")], () => void seen.push("entry"))(ctx);
  assert.deepEqual(seen, ["a before", "b before", "entry", "b after", "a after"]);
});

Deno.test("compose calls the entry not at all when a middleware does not call next, and hands errors outwards", async () => {
  let isCalled = false;
  await compose([() => {}], () => void (isCalled = true))(ctx);
  assert.equal(isCalled, false);
  const caught: unknown[] = [];
  const catches: Middleware = async (_, next) => await next().catch((error) => void caught.push(error));
  await compose([catches], () => Promise.reject(new Error("on purpose")))(ctx);
  assert.match(String(caught[0]), /on purpose/);
});

Deno.test("compose refuses a second call of next", async () => {
  const twice: Middleware = async (_, next) => {
    await next();
    await next();
  };
  await assert.rejects(compose([twice], () => {})(ctx), /Cannot call next\(\) again/);
});
