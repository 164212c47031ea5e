import assert from "node:assert/strict";
import {
  AgentDispatch,
  AgentDispatchState,
  Job,
  JobType,
  ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  TrackInfo,
} from "@livekit/protocol";
import { describeAgent } from "../../../core/agent/descriptor.ts";
import { type AgentOptions, defineAgent } from "../../../core/agent/define_agent.ts";
import { isAwaited, missedJobs } from "../../../core/dispatch/missed_jobs.ts";

function agent(name: string, options: Partial<AgentOptions> = {}) {
  return describeAgent(defineAgent({ name, entry: () => {}, ...options }));
}

function record(
  agentName: string,
  jobs: Job[] = [],
  fields: ConstructorParameters<typeof AgentDispatch>[0] = {},
): AgentDispatch {
  return new AgentDispatch({ id: `AD_${agentName}`, agentName, state: new AgentDispatchState({ jobs }), ...fields });
}

function person(identity: string, fields: ConstructorParameters<typeof ParticipantInfo>[0] = {}): ParticipantInfo {
  return new ParticipantInfo({ identity, sid: `PA_${identity}`, ...fields });
}

function job(type: JobType, participant?: ParticipantInfo, namespace = ""): Job {
  return new Job({ id: "AJ", type, namespace, ...(participant && { participant }) });
}

const ada = person("ada");
const bob = person("bob", { tracks: [new TrackInfo({ sid: "TR_1" })] });
const robot = person("robot", { kind: ParticipantInfo_Kind.AGENT });
const recorder = person("recorder", { kind: ParticipantInfo_Kind.EGRESS });
const left = person("left", { state: ParticipantInfo_State.DISCONNECTED });
const everybody = [ada, bob, robot, recorder, left];

function found(records: AgentDispatch[], agents: ReturnType<typeof agent>[], participants = everybody): string[] {
  return missedJobs({ records, participants }, agents).map(({ agent, participant, isAwaited }) =>
    [agent, participant?.identity ?? "room", ...(isAwaited ? [] : ["nobody there"])].join(" ")
  );
}

Deno.test("missedJobs finds a room's job that nobody has, and none that somebody has, of whatever instance", () => {
  const echo = agent("echo");
  assert.deepEqual(found([record("echo")], [echo]), ["echo room"]);
  assert.deepEqual(found([record("echo", [job(JobType.JT_ROOM)])], [echo]), []);
  // Another kind of worker has taken its own job of the same dispatch.
  assert.deepEqual(found([record("echo", [job(JobType.JT_PARTICIPANT, ada)])], [echo]), ["echo room"]);
  assert.deepEqual(found([record("echo")], [echo], [robot, recorder, left]), ["echo room nobody there"]);
});

Deno.test("missedJobs finds a job for each caller, or each who publishes, under the sid that they have now", () => {
  const [each, publisher] = [agent("each", { jobType: "participant" }), agent("loud", { jobType: "publisher" })];
  const records = [record("each"), record("loud")];
  assert.deepEqual(found(records, [each, publisher]), ["each ada", "each bob", "loud bob"]);
  const given = [record("each", [job(JobType.JT_PARTICIPANT, ada), job(JobType.JT_PARTICIPANT, bob)])];
  assert.deepEqual(found(given, [each]), []);
  assert.deepEqual(found(given, [each], [person("ada", { sid: "PA_back" })]), ["each ada"]);
});

Deno.test("missedJobs goes by name, deployment and namespace as LiveKit does, and leaves our own rooms' dispatches alone", () => {
  const [named, staged] = [agent("echo"), agent("echo", { deployment: "staging" })];
  const [greeter, waiter] = [agent("greeter", { dispatch: "automatic" }), agent("waiter", { dispatch: "automatic" })];
  const far = agent("far", { dispatch: "automatic", namespace: "far" });
  assert.deepEqual(found([record("other")], [named, greeter]), []);
  assert.deepEqual(found([record("echo", [], { deployment: "staging" })], [named]), []);
  assert.deepEqual(found([record("echo", [], { deployment: "staging" })], [staged]), ["echo room"]);
  // LiveKit takes unnamed ones of one kind for one; one of each namespace is asked.
  assert.deepEqual(found([record("")], [named, greeter, waiter, far]), ["greeter room", "far room"]);
  assert.deepEqual(found([record("", [job(JobType.JT_ROOM)])], [greeter, far]), ["far room"]);
  const ours = { attributes: { "greenroom.dispatch": "one", "greenroom.agent": "waiter" } };
  assert.deepEqual(found([record("", [], ours)], [greeter, waiter]), []);
  const forEach = agent("each", { jobType: "participant", dispatch: "automatic" });
  const meant = { attributes: { "greenroom.dispatch": "one", "greenroom.agent": "each" } };
  assert.deepEqual(found([record("", [], meant)], [greeter, forEach], [ada]), ["each ada"]);
});

Deno.test("isAwaited asks for the participant itself, or for anybody who calls", () => {
  assert.deepEqual([isAwaited(everybody, "ada"), isAwaited(everybody, "left"), isAwaited(everybody, "robot")], [
    ...[true, false, false],
  ]);
  assert.deepEqual([isAwaited(everybody, null), isAwaited([robot, recorder, left], null), isAwaited([], null)], [
    ...[true, false, false],
  ]);
});
