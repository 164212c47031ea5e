import { equal, rejects } from "node:assert/strict";
import { KeptReads } from "../../../core/services/kept_reads.ts";

const KEEP = { freshMs: 100, staleMs: 1_000 };

function counted() {
  let nowMs = 0;
  let reads = 0;
  const kept = new KeptReads<number>({ maxKeys: 2, nowMs: () => nowMs });
  const load = () => Promise.resolve(++reads);
  return {
    kept,
    read: (key = "a") => kept.read(key, load, KEEP),
    pass: (ms: number) => nowMs += ms,
    reads: () => reads,
  };
}

Deno.test("KeptReads reads once for all who ask while the answer is fresh", async () => {
  const { read, pass, reads } = counted();
  equal((await Promise.all([read(), read(), read()])).join(), "1,1,1");
  pass(99);
  equal(await read(), 1);
  equal(reads(), 1);
});

Deno.test("KeptReads gives an answer that is no longer fresh at once, and renews it by one read", async () => {
  const { read, pass, reads } = counted();
  await read();
  pass(100);
  equal((await Promise.all([read(), read()])).join(), "1,1");
  equal(reads(), 2);
  equal(await read(), 2);
});

Deno.test("KeptReads lets those who ask wait for a read when the answer is too old", async () => {
  const { read, pass } = counted();
  await read();
  pass(1_000);
  equal(await read(), 2);
});

Deno.test("KeptReads tells a failure to those who wait, and reads again for the next", async () => {
  const kept = new KeptReads<number>({ maxKeys: 2 });
  await rejects(kept.read("a", () => Promise.reject(new Error("away")), KEEP), /away/);
  equal(await kept.read("a", () => Promise.resolve(5), KEEP), 5);
});

Deno.test("KeptReads keeps the old answer when its renewal fails, until it is too old", async () => {
  let nowMs = 0;
  const kept = new KeptReads<number>({ maxKeys: 2, nowMs: () => nowMs });
  const fails = () => Promise.reject(new Error("away"));
  await kept.read("a", () => Promise.resolve(1), KEEP);
  nowMs = 500;
  equal(await kept.read("a", fails, KEEP), 1);
  nowMs = 1_000;
  await rejects(kept.read("a", fails, KEEP), /away/);
});

Deno.test("KeptReads forgets the answer that was read first when there are too many", async () => {
  const { read, reads } = counted();
  await read("a");
  await read("b");
  await read("c");
  await read("c");
  equal(reads(), 3);
  await read("a");
  equal(reads(), 4);
});
