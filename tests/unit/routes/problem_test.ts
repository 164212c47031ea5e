import assert from "node:assert/strict";
import { z } from "zod";
import { invalidInput, problem, problemSchema } from "../../../routes/(_shared)/problem.ts";

const PROBLEM = { status: 418, code: "teapot", title: "A teapot", detail: "It is one.", remedy: "Use a pot." };

async function bodyOf(response: Response) {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  return problemSchema.parse(await response.json());
}

Deno.test("problem answers with its status and all that RFC 9457 and our callers want", async () => {
  const response = problem({ ...PROBLEM, members: { dispatch: { id: 1 } }, headers: { "retry-after": "5" } });
  assert.equal(response.status, 418);
  assert.equal(response.headers.get("retry-after"), "5");
  assert.deepEqual(await bodyOf(response), {
    ...PROBLEM,
    type: "urn:greenroom:problem:teapot",
    dispatch: { id: 1 },
  });
});

Deno.test("invalidInput names every wrong and every unknown field by its path", async () => {
  const schema = z.strictObject({ a: z.number(), deep: z.strictObject({ list: z.array(z.string()) }) });
  const parsed = schema.safeParse({ a: "1", deep: { list: ["x", 2], odd: 1 }, more: 1, most: 2 });
  assert.ok(!parsed.success);
  const response = invalidInput(parsed.error, "body");
  assert.equal(response.status, 400);
  const body = await bodyOf(response);
  assert.equal(body.code, "invalid_request");
  assert.deepEqual(body.errors?.map(({ path }) => path).toSorted(), ["a", "deep.list.1", "deep.odd", "more", "most"]);
  assert.match(body.detail, /^The body is not valid: a: /);
});

Deno.test("invalidInput says what is wrong with the whole when it has no path", async () => {
  const parsed = z.object({}).safeParse([]);
  assert.ok(!parsed.success);
  const body = await bodyOf(invalidInput(parsed.error, "query"));
  assert.equal(body.errors?.[0]?.path, "");
  assert.match(body.detail, /^The query is not valid: [A-Z]/);
});

Deno.test("invalidInput answers with a bounded list, however much is wrong", async () => {
  const parsed = z.array(z.string()).safeParse(Array(5_000).fill(1));
  assert.ok(!parsed.success);
  const body = await bodyOf(invalidInput(parsed.error, "body"));
  assert.equal(body.errors?.length, 100);
  assert.ok(body.detail.length < 500);
});

Deno.test("a problem carries the status word that its code stands for, and none otherwise", async () => {
  const wordOf = async (code: string) => {
    const response = problem({ status: 400, code, title: "t", detail: "d", remedy: "r" });
    return (await response.json()).errorStatus;
  };
  assert.equal(await wordOf("invalid_metadata"), "INVALID_REQUEST");
  assert.equal(await wordOf("no_free_slot"), "RESOURCE_EXHAUSTED");
  assert.equal(await wordOf("deadline_exceeded"), "DEADLINE_EXCEEDED");
  assert.equal(await wordOf("unknown_agent"), undefined);
});
