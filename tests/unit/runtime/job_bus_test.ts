import assert from "node:assert/strict";
import { JobBus } from "../../../core/runtime/job_bus.ts";
import type { RequestingJob } from "../../../core/runtime/job_requests.ts";
import type { ParentMessage } from "../../../core/runtime/messages.ts";

interface Ear extends RequestingJob {
  heard: ParentMessage[];
}

function job(jobId: string, room = "room", isReachable = true): Ear {
  const heard: ParentMessage[] = [];
  const send = (message: ParentMessage) => isReachable && heard.push(message) > 0;
  return { jobId, dispatchId: "d", leaseToken: "l", attempt: 1, agent: "echo", room, participant: null, send, heard };
}

Deno.test("JobBus brings a message to the other jobs of the room that subscribed to its topic, and to no other", () => {
  const bus = new JobBus();
  const [a, b, other, elsewhere] = [job("a"), job("b"), job("c"), job("d", "another")];
  for (const each of [a, b, elsewhere]) bus.subscribe(each, "turn", "room");
  bus.subscribe(other, "else", "room");
  assert.equal(bus.publish(a, "turn", "room", { n: 1 }), 1);
  assert.deepEqual(b.heard, [{
    ...{ type: "deliver", jobId: "b", topic: "turn", scope: "room", data: { n: 1 } },
    from: { jobId: "a", agent: "echo", room: "room" },
  }]);
  assert.deepEqual([a.heard, other.heard, elsewhere.heard], [[], [], []]);
});

Deno.test("JobBus reaches every room when both say everywhere", () => {
  const bus = new JobBus();
  const [a, b] = [job("a"), job("b", "another")];
  bus.subscribe(b, "turn", "everywhere");
  assert.equal(bus.publish(a, "turn", "room", 1), 0);
  assert.equal(bus.publish(a, "turn", "everywhere", 1), 1);
});

Deno.test("JobBus forgets a job that unsubscribed or ended, and counts only those that were reached", () => {
  const bus = new JobBus();
  const [a, b, deaf] = [job("a"), job("b"), job("c", "room", false)];
  for (const each of [a, b, deaf]) bus.subscribe(each, "turn", "room");
  assert.equal(bus.publish(a, "turn", "room", 1), 1);
  bus.unsubscribe(b, "turn", "room");
  assert.equal(bus.publish(a, "turn", "room", 1), 0);
  for (const each of [a, b, deaf]) bus.ended(each.jobId);
  assert.equal(bus.topicCount, 0);
});

Deno.test("JobBus refuses too many topics, too long a message and too many per second", () => {
  let nowMs = 0;
  const bus = new JobBus(() => nowMs);
  const a = job("a");
  for (let n = 0; n < 100; n++) bus.subscribe(a, `topic ${n}`, "room");
  assert.throws(() => bus.subscribe(a, "one more", "room"), /100 subscriptions/);
  bus.subscribe(a, "topic 0", "room");
  assert.throws(() => bus.publish(a, "t", "room", "x".repeat(65_536)), /65536 characters/);
  nowMs = 1_000;
  for (let n = 0; n < 500; n++) bus.publish(a, "t", "room", n);
  assert.throws(() => bus.publish(a, "t", "room", 0), /500 messages per second/);
  nowMs = 2_000;
  bus.publish(a, "t", "room", 0);
});
