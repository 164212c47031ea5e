import assert from "node:assert/strict";
import type { AvailabilityAnswer } from "../../../core/livekit/job_offer.ts";
import { OfferLedger } from "../../../core/livekit/offer_ledger.ts";

const ACCEPT: AvailabilityAnswer = { kind: "accept", participantIdentity: "agent-1" };
const DECLINE: AvailabilityAnswer = { kind: "decline", reason: "full" };
const TERMINATE: AvailabilityAnswer = { kind: "terminate", reason: "elsewhere" };

Deno.test("OfferLedger repeats an acceptance or a termination, and asks again after a refusal or a lapse", () => {
  const ledger = new OfferLedger();
  assert.equal(ledger.answerFor("a"), null);
  ledger.noteAnswer("a", ACCEPT);
  assert.equal(ledger.answerFor("a"), ACCEPT);
  ledger.noteAnswer("b", TERMINATE);
  assert.equal(ledger.answerFor("b"), TERMINATE);
  ledger.noteAnswer("c", DECLINE);
  assert.equal(ledger.answerFor("c"), null);
  ledger.noteLapse("a");
  assert.equal(ledger.answerFor("a"), null);
});

Deno.test("OfferLedger declines a job that this connection runs or ran", () => {
  const ledger = new OfferLedger();
  ledger.noteAnswer("a", ACCEPT);
  ledger.noteAssignment("a", 1);
  assert.equal(ledger.answerFor("a")?.kind, "decline");
  ledger.noteEnd("a");
  assert.equal(ledger.answerFor("a")?.kind, "decline");
});

Deno.test("OfferLedger tells expected, late and duplicate assignments apart", () => {
  const ledger = new OfferLedger();
  ledger.noteAnswer("a", ACCEPT);
  assert.equal(ledger.noteAssignment("a", 1), "expected");
  assert.equal(ledger.noteAssignment("a", 2), "duplicate");
  ledger.noteEnd("a");
  assert.equal(ledger.noteAssignment("a", 3), "duplicate");
  ledger.noteAnswer("b", ACCEPT);
  ledger.noteLapse("b");
  assert.equal(ledger.noteAssignment("b", 4), "late");
  assert.equal(ledger.noteAssignment("never-offered", 5), "late");
});

Deno.test("OfferLedger lapses only what was accepted and not assigned, once", () => {
  const ledger = new OfferLedger();
  ledger.noteAnswer("a", ACCEPT);
  assert.deepEqual(ledger.listAccepted(), ["a"]);
  assert.equal(ledger.noteLapse("a"), true);
  assert.equal(ledger.noteLapse("a"), false);
  ledger.noteAnswer("b", ACCEPT);
  ledger.noteAssignment("b", 1);
  assert.equal(ledger.noteLapse("b"), false);
  assert.equal(ledger.noteLapse("unknown"), false);
  assert.deepEqual(ledger.listAccepted(), []);
});

Deno.test("OfferLedger knows an assignment's time until the job's end is reported", () => {
  const ledger = new OfferLedger();
  assert.equal(ledger.assignedAtMs("a"), null);
  ledger.noteAssignment("a", 42);
  assert.equal(ledger.assignedAtMs("a"), 42);
  ledger.noteEnd("a");
  assert.equal(ledger.assignedAtMs("a"), null);
});

Deno.test("OfferLedger forgets old settled offers, never those that are accepted or assigned", () => {
  const ledger = new OfferLedger();
  ledger.noteAnswer("accepted", ACCEPT);
  ledger.noteAssignment("assigned", 1);
  ledger.noteAnswer("terminated", TERMINATE);
  for (let n = 0; n < 3_000; n++) ledger.noteAnswer(`d${n}`, DECLINE);
  assert.equal(ledger.answerFor("terminated"), null);
  assert.equal(ledger.answerFor("accepted"), ACCEPT);
  assert.equal(ledger.assignedAtMs("assigned"), 1);
});
