import assert from "node:assert/strict";
import { isRush, OfferRush } from "../../../core/worker/offer_rush.ts";

const every = (ms: number, count: number) => Array.from({ length: count }, (_, i) => i * ms);

Deno.test("isRush takes eight offers within 50 ms for one, and fewer or slower ones not", () => {
  assert.equal(isRush(every(1, 7), 7), false);
  assert.equal(isRush(every(1, 8), 8), true);
  assert.equal(isRush(every(10, 8), 71), false);
  assert.equal(isRush(every(1, 8), 50), true);
  assert.equal(isRush(every(1, 8), 51), false, "it is over");
});

Deno.test("OfferRush lets a job start at once when it comes alone, and after a rush when that is over", async () => {
  const rush = new OfferRush();
  rush.noteOffer();
  await rush.calm();
  for (let i = 0; i < 20; i++) rush.noteOffer();
  let isCalm = false;
  const calm = rush.calm().then(() => isCalm = true);
  await Promise.resolve();
  assert.equal(isCalm, false);
  await calm;
});

Deno.test("OfferRush holds no job up for ever, however many offers come", async () => {
  const rush = new OfferRush();
  const offerMany = () => {
    for (let i = 0; i < 20; i++) rush.noteOffer();
  };
  offerMany();
  const flood = setInterval(offerMany, 1);
  try {
    await rush.calm();
  } finally {
    clearInterval(flood);
  }
});
