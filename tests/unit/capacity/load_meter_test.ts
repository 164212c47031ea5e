import assert from "node:assert/strict";
import { Admission } from "../../../core/capacity/admission.ts";
import type { LoadCalculator } from "../../../core/capacity/load_calculator.ts";
import { type LoadAnswer, LoadMeter, type LoadQuestion } from "../../../core/capacity/load_meter.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";

interface Fixture {
  meter: LoadMeter;
  admission: Admission;
  questions: LoadQuestion[];
  /** Settles the oldest open question. */
  answer: (answer: LoadAnswer) => Promise<void>;
  agents: string[];
}

function fixture(calculator: LoadCalculator, { hasOwn = false } = {}): Fixture {
  const admission = new Admission(10, (agent) => agent === "small" ? 2 : Infinity);
  const questions: LoadQuestion[] = [];
  const open: ((answer: LoadAnswer) => void)[] = [];
  const agents = ["echo", "small"];
  const meter = new LoadMeter({
    calculator,
    admission,
    agents: () => agents,
    ask: (agent, question) => {
      if (!hasOwn || agent !== "echo") return null;
      questions.push(question);
      return new Promise((resolve) => open.push(resolve));
    },
    logger: silentLogger,
  });
  const answer = async (given: LoadAnswer) => {
    open.shift()?.(given);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { meter, admission, questions, answer, agents };
}

Deno.test("LoadMeter by jobs follows the slots at once, by the tighter of the instance's and the agent's limit", () => {
  const { meter, admission } = fixture("jobs");
  assert.equal(meter.loadRatioOf("echo", 0), 0);
  admission.admit("small");
  assert.deepEqual([meter.loadRatioOf("echo", 0), meter.loadRatioOf("small", 0)], [0.1, 0.5]);
});

Deno.test("LoadMeter by weight adds the machine's CPU and memory as they were measured last", () => {
  const { meter, admission } = fixture("weighted");
  admission.admit("echo");
  assert.ok(Math.abs(meter.loadRatioOf("echo", 0) - 0.1) < 1e-9);
  meter.observe({ cpuRatio: 0.5, memoryRatio: 1 }, 0);
  assert.ok(Math.abs(meter.loadRatioOf("echo", 0) - (0.04 + 0.15 + 0.3)) < 1e-9);
});

Deno.test("LoadMeter by prediction is ahead of a load that rises", () => {
  const { meter } = fixture("predictive");
  for (let second = 0; second < 5; second++) {
    meter.observe({ cpuRatio: second * 0.1, memoryRatio: 0 }, second * 1_000);
  }
  const now = 0.3 * 0.4;
  assert.ok(meter.loadRatioOf("echo", 4_000) > now + 0.05);
});

Deno.test("LoadMeter takes an agent's own load, asks one question at a time and tells it what it needs", async () => {
  const { meter, admission, questions, answer } = fixture("jobs", { hasOwn: true });
  admission.admit("echo");
  meter.observe({ cpuRatio: 0.5, memoryRatio: null }, 0);
  meter.observe({ cpuRatio: 0.6, memoryRatio: null }, 1_000);
  assert.deepEqual(questions, [{ jobs: 1, maxJobs: 10, cpuRatio: 0.5, memoryRatio: null }]);
  assert.equal(meter.loadRatioOf("echo", 1_000), 0.1, "the instance's, until it has answered");
  await answer({ ok: true, value: 0.8 });
  assert.deepEqual([meter.loadRatioOf("echo", 1_000), meter.loadRatioOf("small", 1_000)], [0.8, 0.1]);
  meter.observe({ cpuRatio: 0.6, memoryRatio: null }, 2_000);
  assert.equal(questions.length, 2);
});

Deno.test("LoadMeter keeps an agent's last good load for 15 s when it fails or answers nonsense, then its own", async () => {
  const { meter, answer } = fixture("jobs", { hasOwn: true });
  meter.observe({ cpuRatio: null, memoryRatio: null }, 0);
  await answer({ ok: true, value: 0.8 });
  meter.observe({ cpuRatio: null, memoryRatio: null }, 1_000);
  await answer({ ok: false, reason: "no answer within 200 ms" });
  meter.observe({ cpuRatio: null, memoryRatio: null }, 2_000);
  await answer({ ok: true, value: "much" });
  assert.equal(meter.loadRatioOf("echo", 15_000), 0.8);
  assert.equal(meter.loadRatioOf("echo", 15_001), 0);
});

Deno.test("LoadMeter forgets agents that are gone", async () => {
  const { meter, answer, agents } = fixture("jobs", { hasOwn: true });
  meter.observe({ cpuRatio: null, memoryRatio: null }, 0);
  await answer({ ok: true, value: 0.8 });
  agents.splice(0);
  meter.observe({ cpuRatio: null, memoryRatio: null }, 1_000);
  assert.equal(meter.loadRatioOf("echo", 1_000), 0);
});
