import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import type { AvailabilityAnswer, OfferedJob } from "../../../core/livekit/job_offer.ts";
import { OfferDesk } from "../../../core/livekit/offer_desk.ts";
import { eventually } from "../../support/eventually.ts";

const ACCEPT: AvailabilityAnswer = { kind: "accept", participantIdentity: "agent-1" };
const DECLINE: AvailabilityAnswer = { kind: "decline", reason: "full" };
const FAR_AWAY_MS = 600_000;

function jobOf(id: string): OfferedJob {
  return {
    id,
    dispatchId: "",
    jobType: "room",
    agentName: "echo",
    namespace: "",
    deployment: "",
    metadata: "",
    attributes: {},
    room: { name: "room", sid: "", metadata: "" },
    participant: null,
  };
}

function fixture(answerTimeoutMs = FAR_AWAY_MS) {
  const answers: [jobId: string, answer: string][] = [];
  const lapsed: string[] = [];
  const assigned: [jobId: string, isLate: boolean][] = [];
  const open = new Map<string, PromiseWithResolvers<AvailabilityAnswer>>();
  const handlers = {
    onAvailability: (job: OfferedJob): AvailabilityAnswer | Promise<AvailabilityAnswer> => {
      const question = Promise.withResolvers<AvailabilityAnswer>();
      open.set(job.id, question);
      return question.promise;
    },
    onAssignment: (job: OfferedJob, _token: string, { isLate }: { isLate: boolean }) => {
      assigned.push([job.id, isLate]);
    },
    onOfferLapsed: (jobId: string) => void lapsed.push(jobId),
  };
  const desk = new OfferDesk({
    handlers,
    timings: { assignmentTimeoutMs: FAR_AWAY_MS, answerTimeoutMs },
    answer: (jobId, { kind }) => void answers.push([jobId, kind]),
    onLoadChange: () => {},
    onNotTaken: () => {},
    logger: silentLogger,
  });
  const settle = async (jobId: string, answer: AvailabilityAnswer) => {
    open.get(jobId)?.resolve(answer);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { desk, answers, lapsed, assigned, handlers, settle, open };
}

Deno.test("OfferDesk answers an offer when its handler has, and nobody waits for a slow one", async () => {
  const { desk, answers, settle, assigned } = fixture();
  desk.offered(jobOf("slow"));
  desk.offered(jobOf("quick"));
  await settle("quick", DECLINE);
  assert.deepEqual(answers, [["quick", "decline"]]);
  await settle("slow", ACCEPT);
  assert.deepEqual(answers.at(-1), ["slow", "accept"]);
  desk.assigned(jobOf("slow"), "token", 0);
  assert.deepEqual(assigned, [["slow", false]]);
  desk.finish();
});

Deno.test("OfferDesk declines once its handler's time is over, and an acceptance after that lapses at once", async () => {
  const { desk, answers, lapsed, settle } = fixture(20);
  desk.offered(jobOf("late"));
  desk.offered(jobOf("never"));
  await eventually(() => answers.length === 2);
  assert.deepEqual(answers, [["late", "decline"], ["never", "decline"]]);
  await settle("late", ACCEPT);
  assert.deepEqual(answers.length, 2);
  assert.deepEqual(lapsed, ["late"]);
  desk.finish();
  assert.deepEqual(lapsed, ["late"]);
});

Deno.test("OfferDesk asks its handler once for a job that is offered again meanwhile, and answers each offer", async () => {
  const { desk, answers, settle, open } = fixture();
  for (let i = 0; i < 3; i++) desk.offered(jobOf("again"));
  assert.equal(open.size, 1);
  await settle("again", ACCEPT);
  desk.offered(jobOf("again"));
  assert.deepEqual(answers.map(([, kind]) => kind), ["accept", "accept", "accept", "accept"]);
  desk.finish();
});

Deno.test("OfferDesk lets all that was accepted lapse when the connection ends, also what is accepted after it", async () => {
  const { desk, answers, lapsed, settle } = fixture();
  for (const id of ["waiting", "accepted", "assigned"]) desk.offered(jobOf(id));
  await settle("accepted", ACCEPT);
  await settle("assigned", ACCEPT);
  desk.assigned(jobOf("assigned"), "token", 0);
  desk.finish();
  assert.deepEqual(lapsed, ["accepted"]);
  await settle("waiting", ACCEPT);
  assert.deepEqual(lapsed, ["accepted", "waiting"]);
  assert.equal(answers.length, 2);
});

Deno.test("OfferDesk declines when its handler rejects or throws", async () => {
  const { desk, answers, handlers, open } = fixture();
  desk.offered(jobOf("rejects"));
  open.get("rejects")?.reject(new Error("no"));
  await eventually(() => answers.length === 1);
  handlers.onAvailability = () => {
    throw new Error("no");
  };
  desk.offered(jobOf("throws"));
  assert.deepEqual(answers, [["rejects", "decline"], ["throws", "decline"]]);
  desk.finish();
});
