import assert from "node:assert/strict";
import { z } from "zod";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { JobRequests, method, type RequestingJob, RequestRefusal } from "../../../core/runtime/job_requests.ts";
import type { ParentMessage, ReplyMessage } from "../../../core/runtime/messages.ts";

function jobOf(sent: ParentMessage[], changes: Partial<RequestingJob> = {}): RequestingJob {
  const ids = { jobId: "job", dispatchId: "dispatch", leaseToken: "lease" };
  const send = (message: ParentMessage) => sent.push(message) > 0;
  return { ...ids, attempt: 1, agent: "echo", room: "room", participant: null, send, ...changes };
}

async function ask(requests: JobRequests, name: string, params: unknown): Promise<ReplyMessage> {
  const sent: ParentMessage[] = [];
  await requests.receive(jobOf(sent), { type: "request", jobId: "job", requestId: 7, method: name, params });
  assert.equal(sent.length, 1, "exactly one reply");
  return sent[0] as ReplyMessage;
}

const METHODS = {
  "room.name": method(z.object({}), ({ room }) => room),
  "nothing": method(z.object({}), () => {}),
  "refuse": method(z.object({}), () => Promise.reject(new RequestRefusal("not_today", "come back later"))),
  "break": method(z.object({ secret: z.string() }), () => Promise.reject(new Error("broken"))),
  "hang": method(z.object({}), () => new Promise(() => {})),
};

Deno.test("JobRequests answers each request once, from the job's own room, whatever the parameters say", async () => {
  const requests = new JobRequests({ methods: METHODS, logger: silentLogger });
  assert.deepEqual(await ask(requests, "room.name", { room: "another" }), {
    ...{ type: "reply", jobId: "job", requestId: 7, ok: true },
    value: "room",
  });
  assert.equal((await ask(requests, "nothing", {})).value, null);
});

Deno.test("JobRequests answers what it does not know, can't parse, must refuse or fails at with an error", async () => {
  const requests = new JobRequests({ methods: METHODS, logger: silentLogger });
  const code = async (name: string, params: unknown) => (await ask(requests, name, params)).error?.code;
  assert.equal(await code("toString", {}), "unknown_method");
  assert.equal(await code("break", { secret: 1 }), "invalid");
  assert.equal(await code("break", { secret: "s" }), "failed");
  assert.equal(await code("refuse", {}), "not_today");
});

Deno.test("JobRequests answers a request that takes too long, and aborts its handler", async () => {
  const aborted = Promise.withResolvers<void>();
  const methods = {
    slow: method(z.object({}), (_, __, signal) => {
      signal.addEventListener("abort", () => aborted.resolve());
      return new Promise(() => {});
    }),
  };
  const requests = new JobRequests({ methods, logger: silentLogger, timeoutMs: 10 });
  assert.equal((await ask(requests, "slow", {})).error?.code, "timeout");
  await aborted.promise;
});

Deno.test("JobRequests works on at most 32 requests of a job at a time, and gives up those of a job that ended", async () => {
  const requests = new JobRequests({ methods: METHODS, logger: silentLogger, timeoutMs: 50 });
  const sent: ParentMessage[] = [];
  const request = { type: "request" as const, jobId: "job", requestId: 1, method: "hang", params: {} };
  const all = Array.from({ length: 40 }, () => requests.receive(jobOf(sent), request));
  await Promise.all(all.slice(32));
  const codes = () => sent.map((message) => (message as ReplyMessage).error?.code);
  assert.deepEqual(codes(), Array(8).fill("too_many_requests"));
  requests.ended("job");
  await Promise.all(all);
  assert.equal(sent.length, 40);
});
