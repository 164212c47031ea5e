import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Room } from "@livekit/rtc-node";
import { JobLimits, type LimitReason } from "../../../core/runtime/child/job_limits.ts";

/** LiveKit's numbers of participant kinds; tests do not load rtc-node. */
const HUMAN = 0;
const AGENT = 4;

class FakeRoom extends EventEmitter {
  readonly remoteParticipants = new Map<string, { kind: number }>();

  join(identity: string, kind: number): void {
    const participant = { kind };
    this.remoteParticipants.set(identity, participant);
    this.emit("participantConnected", participant);
  }

  leave(identity: string): void {
    this.emit("participantDisconnected", this.remoteParticipants.get(identity));
    this.remoteParticipants.delete(identity);
  }
}

function limits(job: { timeoutMs?: number; aloneTimeoutMs: number }) {
  const room = new FakeRoom();
  const over: LimitReason[] = [];
  const first = Promise.withResolvers<LimitReason>();
  const onOver = (reason: LimitReason) => {
    over.push(reason);
    first.resolve(reason);
  };
  const jobLimits = new JobLimits({
    job,
    room: room as unknown as Room,
    isHuman: ({ kind }) => kind !== AGENT,
    onOver,
  });
  return { room, over, first: first.promise, jobLimits };
}

Deno.test("JobLimits ends a job at its time limit, counted from entry", async () => {
  const { first, jobLimits } = limits({ timeoutMs: 5, aloneTimeoutMs: 0 });
  jobLimits.start();
  assert.equal(await first, "deadline");
  jobLimits.close();
});

Deno.test("JobLimits ends a job that is alone from connect on, agents not counted", async () => {
  const { first, room, jobLimits } = limits({ aloneTimeoutMs: 5 });
  jobLimits.start();
  room.join("other-agent", AGENT);
  jobLimits.connected();
  assert.equal(await first, "alone");
  jobLimits.close();
});

Deno.test("JobLimits does not count while a human is there, and counts anew when the last one leaves", async () => {
  const { over, first, room, jobLimits } = limits({ aloneTimeoutMs: 5 });
  room.join("ann", HUMAN);
  jobLimits.connected();
  room.join("bob", HUMAN);
  room.leave("ann");
  // A timer as long as the limit: had the limit been counting, it would have come first.
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(over, []);
  room.leave("bob");
  assert.equal(await first, "alone");
  jobLimits.close();
});

Deno.test("JobLimits blames nobody for the time in which the room connection is re-made", async () => {
  const { over, first, room, jobLimits } = limits({ aloneTimeoutMs: 5 });
  jobLimits.connected();
  room.emit("reconnecting");
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(over, []);
  room.emit("reconnected");
  assert.equal(await first, "alone");
  jobLimits.close();
});

Deno.test("JobLimits is silent before connect, when it is turned off, and after close", async () => {
  const off = limits({ aloneTimeoutMs: 0 });
  off.jobLimits.connected();
  const unconnected = limits({ aloneTimeoutMs: 1 });
  unconnected.room.emit("reconnected");
  const closed = limits({ timeoutMs: 1, aloneTimeoutMs: 1 });
  closed.jobLimits.start();
  closed.jobLimits.connected();
  closed.jobLimits.close();
  closed.room.emit("reconnected");
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([...off.over, ...unconnected.over, ...closed.over], []);
});
