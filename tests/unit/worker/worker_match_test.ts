import assert from "node:assert/strict";
import { explainMatch, matchWorker, type RegisteredWorker } from "../../../core/worker/worker_match.ts";

function worker(agent: string, fields: Partial<RegisteredWorker> = {}): RegisteredWorker {
  const key = { agentName: agent, namespace: "", deployment: "", jobType: "room" };
  return { ...key, agent, isTaking: true, refusal: null, ...fields };
}

const WANTED = { agentName: "support", deployment: "", jobType: "room" };
const explained = (wanted: Parameters<typeof matchWorker>[0], workers: RegisteredWorker[]) =>
  explainMatch(wanted, matchWorker(wanted, workers));

Deno.test("matchWorker finds a worker that takes the job, of any namespace unless one is asked for", () => {
  const staged = worker("support", { namespace: "eu" });
  assert.deepEqual(matchWorker(WANTED, [worker("other"), staged]), { kind: "taking", worker: staged });
  assert.equal(explained(WANTED, [staged]), null);
  assert.equal(matchWorker({ ...WANTED, namespace: "us" }, [staged]).kind, "mismatch");
});

Deno.test("matchWorker tells a worker that is busy from one that does not fit, with its reason", () => {
  const full = worker("support", { isTaking: false, refusal: "instance_memory" });
  assert.equal(matchWorker(WANTED, [worker("suport"), full]).kind, "busy");
  assert.match(explained(WANTED, [full]) ?? "", /can take a job now: instance_memory/);
});

for (
  const [field, value, words] of [
    ["deployment", "staging", 'deployment "staging" instead of (none)'],
    ["jobType", "publisher", 'job type "publisher" instead of "room"'],
  ] as const
) {
  Deno.test(`explainMatch names the nearest worker when only its ${field} differs`, () => {
    const text = explained(WANTED, [worker("support-x"), worker("support", { [field]: value })]);
    assert.match(text ?? "", /No worker is registered for agent "support"/);
    assert.ok(text?.includes(`The nearest is agent "support": ${words}.`), text ?? "");
  });
}

Deno.test("explainMatch names the namespace that is there instead of the one asked for", () => {
  const text = explained({ ...WANTED, namespace: "us" }, [worker("support", { namespace: "eu" })]);
  assert.ok(text?.includes('namespace "eu" instead of "us"'), text ?? "");
});

Deno.test("explainMatch names the nearest name, and prefers the same name with other labels to another name", () => {
  assert.ok(explained(WANTED, [worker("billing"), worker("suport")])?.includes('The nearest is agent "suport": name'));
  const far = worker("support", { namespace: "a", deployment: "b", jobType: "participant" });
  const match = matchWorker({ ...WANTED, namespace: "z" }, [worker("suport", { namespace: "z" }), far]);
  assert.ok(match.kind === "mismatch" && match.nearest === far);
});

Deno.test("matchWorker finds nothing near where there is nothing, or nothing alike", () => {
  assert.deepEqual(matchWorker(WANTED, []), { kind: "none" });
  assert.deepEqual(matchWorker(WANTED, [worker("x")]), { kind: "none" });
  assert.match(explained(WANTED, []) ?? "", /nor for anything like it/);
});

Deno.test("matchWorker looks for unnamed workers when dispatch is automatic", () => {
  const automatic = { agentName: "", deployment: "", jobType: "room" };
  assert.equal(matchWorker(automatic, [worker("greeter", { agentName: "" })]).kind, "taking");
  assert.match(
    explained(automatic, [worker("greeter", { agentName: "", deployment: "x" })]) ?? "",
    /automatic dispatch/,
  );
});
