import assert from "node:assert/strict";
import { Alarm } from "../../../core/lifecycle/alarm.ts";
import { settlesWithin } from "../../../core/lifecycle/supervisor.ts";

const LONG_MS = 600_000;
const never = new AbortController().signal;

/** Whether it settles without anything but a turn of the event loop. */
const isSettled = (promise: Promise<unknown>) => settlesWithin(promise, 0);

Deno.test("Alarm.wait resolves when the time is over", () => new Alarm().wait(1, never));

Deno.test("Alarm.ring ends the present wait, and only that one", async () => {
  const alarm = new Alarm();
  const first = alarm.wait(LONG_MS, never);
  alarm.ring();
  await first;
  const controller = new AbortController();
  const second = alarm.wait(LONG_MS, controller.signal);
  assert.equal(await isSettled(second), false);
  controller.abort();
  await second;
});

Deno.test("Alarm.ring while nobody waits ends the next wait at once; many rings make one", async () => {
  const alarm = new Alarm();
  alarm.ring();
  alarm.ring();
  await alarm.wait(LONG_MS, never);
  const controller = new AbortController();
  const second = alarm.wait(LONG_MS, controller.signal);
  assert.equal(await isSettled(second), false);
  controller.abort();
  await second;
});

Deno.test("Alarm.wait resolves when its signal aborts, also when it had before", async () => {
  const controller = new AbortController();
  const wait = new Alarm().wait(LONG_MS, controller.signal);
  controller.abort();
  await wait;
  await new Alarm().wait(LONG_MS, controller.signal);
});
