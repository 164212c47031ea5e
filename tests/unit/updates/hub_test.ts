import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { Hub } from "../../../core/updates/hub.ts";
import { parseTopics } from "../../../core/updates/topics.ts";
import { eventually } from "../../support/eventually.ts";
import { EventReader } from "../../support/event_reader.ts";

function newHub(options: { maxClients?: number; maxQueuedBytes?: number } = {}): Hub {
  return new Hub({ instanceId: uuidv7(), maxClients: 10, logger: silentLogger, ...options });
}

function subscribe(hub: Hub, topics: string[], lastEventId: string | null = null, rest: object = {}): EventReader {
  const subscribed = hub.subscribe({ topics, lastEventId, ...rest });
  assert.ok(subscribed.ok);
  return new EventReader(subscribed.stream);
}

Deno.test("a client gets the events of its topics, in order, with rising ids, and no others", async () => {
  const hub = newHub();
  await using reader = subscribe(hub, ["dispatches", "fleet"]);
  hub.publish("dispatches", "dispatch", { n: 1 });
  hub.publish("load", "load", { n: 2 });
  hub.publish("fleet", "fleet", { n: 3 });
  const events = await reader.take(3);
  assert.deepEqual(events.map(({ event }) => event), ["hello", "dispatch", "fleet"]);
  assert.deepEqual(events.slice(1).map(({ data }) => data), [{ n: 1 }, { n: 3 }]);
  const numbers = events.map(({ id }) => Number(id?.split("-")[1]));
  assert.deepEqual(numbers, [0, 1, 3]);
});

Deno.test("what is published is serialised at once: a later change of the object is not seen", async () => {
  const hub = newHub();
  await using reader = subscribe(hub, ["load"]);
  const data = { value: "before" };
  hub.publish("load", "load", data);
  data.value = "after";
  const [, event] = await reader.take(2);
  assert.deepEqual(event?.data, { value: "before" });
});

Deno.test("a client that resumes gets every event of its topics after its last one, once", async () => {
  const hub = newHub();
  const first = subscribe(hub, ["dispatches"]);
  hub.publish("dispatches", "dispatch", 1);
  const [, seen] = await first.take(2);
  await first.cancel();
  hub.publish("dispatches", "dispatch", 2);
  hub.publish("load", "load", 0);
  hub.publish("dispatches", "dispatch", 3);
  await using second = subscribe(hub, ["dispatches"], seen?.id);
  hub.publish("dispatches", "dispatch", 4);
  const events = await second.take(4);
  assert.deepEqual(events.map(({ event, data }) => event === "hello" ? "hello" : data), [2, 3, "hello", 4]);
});

for (
  const [condition, lastEventId] of [
    ["comes from another instance", (hub: Hub) => hub.lastId.replace(/^.{8}/, "ffffffff")],
    ["lies ahead of us", (hub: Hub) => hub.lastId.replace(/-\d+$/, "-999999")],
    ["is no id of ours", () => "nonsense"],
    ["is older than what is kept", (hub: Hub) => hub.lastId.replace(/-\d+$/, "-1")],
  ] as const
) {
  Deno.test(`a client that resumes is told of a gap when its last id ${condition}`, async () => {
    const hub = newHub();
    for (let n = 0; n < 30; n++) hub.publish("fleet", "fleet", n);
    await using reader = subscribe(hub, ["fleet"], lastEventId(hub));
    assert.deepEqual((await reader.take(2)).map(({ event }) => event), ["gap", "hello"]);
  });
}

Deno.test("a stream ends after its last event, when it is published and when it is part of the past", async () => {
  const hub = newHub();
  const follows = subscribe(hub, ["dispatch:x"], null, { lastEvent: "end" });
  hub.publish("dispatch:x", "stage", 1);
  hub.publish("dispatch:x", "end", 2);
  assert.deepEqual((await follows.rest()).map(({ event }) => event), ["hello", "stage", "end"]);
  const comesLate = subscribe(hub, ["dispatch:x"], null, { lastEvent: "end", replay: [{ event: "end", data: 2 }] });
  assert.deepEqual((await comesLate.rest()).map(({ event }) => event), ["end", "hello"]);
  assert.equal(hub.clientCount, 0);
});

Deno.test("a client that does not read is dropped, and the others go on", async () => {
  const hub = newHub({ maxQueuedBytes: 2_000 });
  const slow = subscribe(hub, ["load"]);
  await using quick = subscribe(hub, ["load"]);
  await quick.take(1);
  for (let n = 0; n < 10; n++) {
    hub.publish("load", "load", "x".repeat(700));
    await quick.take(1);
  }
  assert.equal(hub.clientCount, 1);
  assert.equal(hub.slowClients, 1);
  await assert.rejects(slow.rest(), /does not read/);
});

Deno.test("a client that goes away frees everything it held", async () => {
  const hub = newHub();
  const readers = [subscribe(hub, ["dispatches"]), subscribe(hub, ["dispatches"]), subscribe(hub, ["fleet"])];
  assert.equal(hub.clientCount, 3);
  for (const reader of readers) await reader.cancel();
  await eventually(() => hub.clientCount === 0, { what: "no client left" });
  assert.equal(hub.hasSubscribers("dispatches"), false);
  assert.equal(hub.hasSubscribers("fleet"), false);
});

Deno.test("one client more than the limit is refused", async () => {
  const hub = newHub({ maxClients: 1 });
  await using _reader = subscribe(hub, ["load"]);
  assert.deepEqual(hub.subscribe({ topics: ["load"], lastEventId: null }), { ok: false, maxClients: 1 });
});

Deno.test("the hub ends every stream when the program stops", async () => {
  const hub = newHub();
  const stopping = new AbortController();
  const running = hub.run(stopping.signal);
  const reader = subscribe(hub, ["dispatches"]);
  hub.publish("dispatches", "dispatch", "last");
  stopping.abort();
  await running;
  assert.equal((await reader.rest()).at(-1)?.data, "last");
  assert.equal(hub.clientCount, 0);
});

Deno.test("topics are read from a list, and unknown ones are refused by name", () => {
  const id = crypto.randomUUID();
  assert.deepEqual(parseTopics(`dispatches, fleet,dispatches,dispatch:${id}`), {
    ok: true,
    topics: ["dispatches", "fleet", `dispatch:${id}`],
  });
  for (const text of ["", ",", "jobs", "dispatch:", "dispatch:1", Array(21).fill(0).map((_, i) => `t${i}`).join()]) {
    assert.equal(parseTopics(text).ok, false, text);
  }
});
