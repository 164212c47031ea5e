import assert from "node:assert/strict";
import type { RequestingJob } from "../../../core/runtime/job_requests.ts";
import { InstanceElection } from "../../../core/runtime/leader_election.ts";
import type { ParentMessage } from "../../../core/runtime/messages.ts";

function job(jobId: string, room = "room") {
  const heard: ParentMessage[] = [];
  const send = (message: ParentMessage) => heard.push(message) > 0;
  const ids = { jobId, dispatchId: "d", leaseToken: "l", attempt: 1, agent: "echo", room, participant: null };
  return { ...ids, send, heard } satisfies RequestingJob & { heard: ParentMessage[] };
}

Deno.test("InstanceElection lets one job of a room lead, and the longest waiting one next, with a higher term", () => {
  const election = new InstanceElection();
  const [a, b, c] = [job("a"), job("b"), job("c")];
  assert.deepEqual([a, b, c].map((each) => election.campaign(each, "mixer")), [1, null, null]);
  assert.equal(election.campaign(a, "mixer"), 1, "standing again changes nothing");
  election.ended("a");
  assert.deepEqual(b.heard, [{ type: "elected", jobId: "b", name: "mixer", term: 2 }]);
  assert.deepEqual(c.heard, []);
  election.resign(b, "mixer");
  assert.deepEqual(c.heard, [{ type: "elected", jobId: "c", name: "mixer", term: 3 }]);
});

Deno.test("InstanceElection keeps names and rooms apart, and a candidate that leaves changes no leader", () => {
  const election = new InstanceElection();
  const [a, b, elsewhere] = [job("a"), job("b"), job("e", "another")];
  assert.equal(election.campaign(a, "mixer"), 1);
  assert.equal(election.campaign(elsewhere, "mixer"), 1);
  assert.equal(election.campaign(b, "recorder"), 1);
  assert.equal(election.campaign(b, "mixer"), null);
  election.ended("b");
  assert.deepEqual(a.heard, []);
  assert.equal(election.campaign(a, "recorder"), 1);
});

Deno.test("InstanceElection bounds what one job stands for", () => {
  const election = new InstanceElection();
  const a = job("a");
  for (let n = 0; n < 20; n++) election.campaign(a, `name ${n}`);
  assert.throws(() => election.campaign(a, "one more"), /20 times already/);
});
