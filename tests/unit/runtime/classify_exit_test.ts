import assert from "node:assert/strict";
import { classifyExit, type ExitFacts } from "../../../core/runtime/classify_exit.ts";

const GONE: ExitFacts = {
  code: null,
  signal: null,
  spawnError: null,
  stderrTail: "",
  hasEntered: true,
  loadError: null,
  killedFor: null,
};
/** As V8 15 writes it, shortened. */
const OUT_OF_MEMORY = "<--- Last few GCs --->\n[9894] 8598 ms: Mark-Compact (reduce) 4101.3 (4103.8) MB\n" +
  "# Fatal JavaScript out of memory: Reached heap limit";

Deno.test("classifyExit tells exit, signal, out of memory, stuck and overrun apart when entry had been called", () => {
  const kinds = (facts: Partial<ExitFacts>) => classifyExit({ ...GONE, ...facts }).kind;
  assert.equal(kinds({ code: 3 }), "exit");
  assert.equal(kinds({ code: 0 }), "exit");
  assert.equal(kinds({ signal: "SIGKILL" }), "signal");
  assert.equal(kinds({ signal: "SIGSEGV", stderrTail: OUT_OF_MEMORY }), "signal");
  assert.equal(kinds({ signal: "SIGTRAP", stderrTail: OUT_OF_MEMORY }), "out_of_memory");
  assert.equal(kinds({ signal: "SIGABRT", stderrTail: "JavaScript heap out of memory" }), "out_of_memory");
  assert.equal(kinds({ code: 133, stderrTail: OUT_OF_MEMORY }), "out_of_memory");
  assert.equal(kinds({ signal: "SIGTRAP", stderrTail: "native crash" }), "signal");
  assert.equal(kinds({ signal: "SIGKILL", killedFor: "unresponsive" }), "unresponsive");
  assert.equal(kinds({ signal: "SIGKILL", killedFor: "shutdown_overrun" }), "shutdown_overrun");
  assert.equal(kinds({ signal: "SIGKILL", killedFor: "pool_stopped" }), "shutdown_overrun");
  assert.equal(kinds({ signal: "SIGKILL", killedFor: "enter_timeout" }), "not_started");
  assert.equal(kinds({ signal: "SIGKILL", killedFor: "load_timeout" }), "not_started");
});

Deno.test("classifyExit says not_started with the most telling reason when entry had not been called", () => {
  const failure = (facts: Partial<ExitFacts>) => classifyExit({ ...GONE, hasEntered: false, ...facts });
  const cases: [Partial<ExitFacts>, RegExp][] = [
    [{ code: 1, loadError: "no key" }, /could not be loaded: no key/],
    [{ spawnError: "ENOENT" }, /could not be started: ENOENT/],
    [{ signal: "SIGKILL", killedFor: "load_timeout" }, /did not load in time/],
    [{ signal: "SIGKILL", killedFor: "enter_timeout" }, /did not call entry in time/],
    [{ signal: "SIGKILL", killedFor: "unresponsive" }, /stuck before entry/],
    [{ signal: "SIGKILL", killedFor: "pool_stopped" }, /it was to end/],
    [{ signal: "SIGTRAP", stderrTail: OUT_OF_MEMORY }, /out of memory/],
    [{ signal: "SIGKILL" }, /was ended by SIGKILL before entry/],
    [{ code: 1, stderrTail: "error: boo\n" }, /exited with code 1 before entry was called: error: boo/],
  ];
  for (const [facts, message] of cases) {
    assert.equal(failure(facts).kind, "not_started");
    assert.match(failure(facts).message, message);
  }
});

Deno.test("classifyExit keeps exit code and signal when there are any", () => {
  assert.equal(classifyExit({ ...GONE, code: 3 }).exitCode, 3);
  assert.equal(classifyExit({ ...GONE, signal: "SIGKILL" }).signal, "SIGKILL");
  assert.ok(!("signal" in classifyExit({ ...GONE, code: 3 })));
});
