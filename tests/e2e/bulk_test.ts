/** Bulk operations over REST, on the real program: many at once, previewed, aborted, taken up again after a kill. */
import assert from "node:assert/strict";
import { EventReader } from "../support/event_reader.ts";
import { eventually } from "../support/eventually.ts";
import { Greenroom, makeDataDir } from "../support/greenroom.ts";

const PATH = "/api/v1/bulk-operations";
const ENV = { GREENROOM_BREAKER_THRESHOLD: "0", GREENROOM_BULK_MAX_ITEMS: "20" };

let dataDir: string;
let greenroom: Greenroom;

Deno.test.beforeAll(async () => {
  dataDir = await makeDataDir();
  greenroom = await Greenroom.start({ dataDir, agents: ["echo", "throws"], env: ENV });
});
Deno.test.afterAll(async () => {
  await greenroom.stop();
  await Deno.remove(dataDir, { recursive: true });
});

const post = (body: unknown) => greenroom.call("POST", PATH, body);

/** When nothing waits any more. */
function ended(id: string) {
  return eventually(async () => {
    const operation = await greenroom.get(`${PATH}/${id}?limit=200`);
    return operation.state === "running" ? null : operation;
  }, { withinMs: 30_000, what: "the operation's end" });
}

// deno-lint-ignore no-explicit-any
const statesOf = (operation: any): string[] => operation.items.map((item: any) => item.code ?? item.state);

Deno.test("many dispatches are created, then cancelled by a search, each with its result", async () => {
  const rooms = Array.from({ length: 6 }, (_, i) => `many-${i}`);
  const requests = [...rooms.map((room) => ({ agent: "echo", room })), { agent: "nobody-has-it", room: "many-x" }];
  const created = await post({ kind: "create", requests, itemsPerSecond: 100 });
  assert.deepEqual([created.status, created.body.total], [201, 7]);
  assert.equal(created.headers.get("location"), `${PATH}/${created.body.id}`);
  const creation = await ended(created.body.id);
  assert.deepEqual(statesOf(creation), [...rooms.map(() => "done"), "unknown_agent"]);
  for (const { resultDispatchId } of creation.items.slice(0, 6)) {
    await greenroom.dispatchIn(["running"], resultDispatchId);
  }

  const wish = { kind: "cancel", query: "agent:echo room:many-* state:running" };
  // A dispatch shows as running a moment before that is in the database, where the search looks.
  const preview = await eventually(async () => {
    const answer = await post({ ...wish, dryRun: true });
    return answer.body.eligible === 6 ? answer : null;
  }, { what: "six dispatches to cancel" });
  assert.deepEqual([preview.status, preview.body.sample.length], [200, 6]);
  assert.equal((await post({ ...wish, expectedCount: 5 })).body.code, "count_changed");
  const cancelled = await post({ ...wish, expectedCount: 6, itemsPerSecond: 100 });
  assert.equal(cancelled.status, 201);
  assert.deepEqual((await ended(cancelled.body.id)).counts, { waiting: 0, done: 6, failed: 0, skipped: 0 });
  for (const { resultDispatchId } of creation.items.slice(0, 6)) {
    await greenroom.dispatchIn(["cancelled"], resultDispatchId);
  }
  const { items } = await greenroom.get("/api/v1/audit?limit=20");
  const done = items.filter(({ target }: { target: string }) => target === cancelled.body.id);
  assert.deepEqual(done.map(({ action, outcome }: Record<string, string>) => [action, outcome]), [[
    "bulk.create",
    "ok",
  ]]);
});

Deno.test("a group of failures is retried once, whoever asks again, and listeners hear how far it is", async () => {
  const failed: string[] = [];
  for (const room of ["fails-0", "fails-1", "fails-2"]) {
    const { body } = await greenroom.dispatch({ agent: "throws", room }, "wait=done");
    failed.push((body.dispatch ?? body).id);
  }
  const { items: [{ fingerprint, since, count }] } = await greenroom.get("/api/v1/failure-groups?since=1h");
  assert.equal(count, 3);
  const wish = { kind: "retry", group: { fingerprint, since }, itemsPerSecond: 20 };
  const { body } = await fetch(`${greenroom.url}/api/v1/events?topics=bulk`, { headers: greenroom.authorization });
  assert.ok(body);
  const events = new EventReader(body);
  try {
    const made = await post(wish);
    assert.deepEqual([made.status, made.body.total], [201, 3]);
    assert.equal((await post(wish)).body.code, "nothing_to_do");
    const { items } = await ended(made.body.id);
    const retried: string[] = items.map(({ dispatchId }: { dispatchId: string }) => dispatchId);
    assert.deepEqual(retried.sort(), failed.sort());
    await events.until(({ event, data }) => event === "bulk" && data.state === "done");
  } finally {
    await events.cancel();
  }
});

Deno.test("what is too much or makes no sense is refused with its code", async () => {
  const id = "01890a5d-ac96-774b-bcce-b302099a8057";
  const requests = Array.from({ length: 21 }, () => ({ agent: "echo", room: "r" }));
  const codes = await Promise.all([
    post({ kind: "create", requests }),
    post({ kind: "retry", ids: [id] }),
    post({ kind: "retry", query: "colour:red" }),
    post({ kind: "retry" }),
    greenroom.call("GET", `${PATH}/${id}`),
    greenroom.call("POST", `${PATH}/${id}/abort`),
  ]);
  assert.deepEqual(codes.map(({ status, body }) => `${status} ${body.code}`), [
    "422 too_many_items",
    "422 nothing_to_do",
    "400 invalid_request",
    "400 invalid_request",
    "404 bulk_not_found",
    "404 bulk_not_found",
  ]);
});

Deno.test("an operation outlives the kill of its instance, and is aborted by hand", async () => {
  const requests = Array.from({ length: 20 }, (_, i) => ({ agent: "echo", room: `later-${i}`, deadlineMs: 600_000 }));
  const { body } = await post({ kind: "create", requests, itemsPerSecond: 2 });
  await eventually(async () => (await greenroom.get(`${PATH}/${body.id}`)).counts.done >= 1, { what: "a first item" });
  await greenroom.kill();
  greenroom = await Greenroom.start({ dataDir, agents: ["echo", "throws"], env: ENV });
  const before = (await greenroom.get(`${PATH}/${body.id}`)).counts.done;
  const goesOn = await eventually(async () => {
    const operation = await greenroom.get(`${PATH}/${body.id}`);
    return operation.counts.done > before ? operation : null;
  }, { withinMs: 20_000, what: "one item more" });
  assert.equal(goesOn.state, "running");
  const aborted = await greenroom.call("POST", `${PATH}/${body.id}/abort`);
  assert.deepEqual([aborted.status, aborted.body.state, aborted.body.counts.waiting], [200, "aborted", 0]);
  const { items } = await greenroom.get("/api/v1/dispatches?limit=200");
  const made: string[] = items.map(({ room }: { room: string }) => room).filter((room: string) => /^later-/.test(room));
  assert.equal(new Set(made).size, made.length);
});
