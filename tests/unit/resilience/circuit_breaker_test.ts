import assert from "node:assert/strict";
import { CircuitBreaker, type CircuitState } from "../../../core/resilience/circuit_breaker.ts";

class Refused extends Error {}
class Wrong extends Error {}

function breaker() {
  const clock = { nowMs: 0 };
  const states: CircuitState[] = [];
  const circuit = new CircuitBreaker({
    ...{ threshold: 3, pauseMs: 1_000, nowMs: () => clock.nowMs },
    counts: (error) => !(error instanceof Wrong),
    refusal: (retryAfterMs) => new Refused(String(retryAfterMs)),
    onChange: (state) => states.push(state),
  });
  const fail = (error: Error = new Error("away")) => assert.rejects(circuit.run(() => Promise.reject(error)), error);
  const work = () => circuit.run(() => Promise.resolve("done"));
  return { circuit, clock, states, fail, work };
}

Deno.test("A circuit opens after its threshold of failures in a row, and then sends nothing", async () => {
  const { circuit, fail, work } = breaker();
  await fail();
  await fail();
  assert.equal(await work(), "done");
  for (let n = 0; n < 3; n++) await fail();
  assert.equal(circuit.state, "open");
  await assert.rejects(work(), new Refused("1000"));
});

Deno.test("A circuit lets one call try after its pause: success closes it, failure opens it again", async () => {
  const { clock, states, fail, work } = breaker();
  for (let n = 0; n < 3; n++) await fail();
  clock.nowMs = 1_000;
  await fail();
  await assert.rejects(work(), new Refused("1000"));
  clock.nowMs = 2_000;
  assert.equal(await work(), "done");
  assert.deepEqual(states, ["open", "half_open", "open", "half_open", "closed"]);
});

Deno.test("While one call tries, the others are refused", async () => {
  const { circuit, clock, fail, work } = breaker();
  for (let n = 0; n < 3; n++) await fail();
  clock.nowMs = 1_000;
  const trying = Promise.withResolvers<string>();
  const tried = circuit.run(() => trying.promise);
  await assert.rejects(work(), Refused);
  trying.resolve("well again");
  assert.equal(await tried, "well again");
});

Deno.test("A request that the server refuses as wrong does not count as a failure of the server", async () => {
  const { circuit, fail } = breaker();
  for (let n = 0; n < 5; n++) await fail(new Wrong());
  assert.equal(circuit.state, "closed");
});
