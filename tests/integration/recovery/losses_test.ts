import assert from "node:assert/strict";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { endLoss, giveUpLoss, insertLoss, listLosses, type NewLoss, summarizeLosses } from "../../../db/losses.ts";
import { placeJobs } from "../../support/placed_jobs.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

const LOST_AT = new Date("2026-11-22T12:00:00.000Z");
const later = (ms: number) => new Date(LOST_AT.getTime() + ms);

async function lose(changes: Partial<NewLoss> = {}): Promise<{ dispatchId: string; isNew: boolean }> {
  const [job] = await placeJobs(test.database, 1);
  const { jobId, dispatchId } = job!;
  const place = { agent: "echo", server: "test", room: "room", cause: "signal" };
  const loss = { id: uuidv7(), dispatchId, jobId, ...place, wasHumanThere: true, lostAt: LOST_AT, ...changes };
  return { dispatchId: loss.dispatchId, isNew: await insertLoss(test.database, loss) };
}

Deno.test("A loss lasts until another job is ready, and its dead air is what somebody heard", async () => {
  const { dispatchId } = await lose();
  const replacedBy = uuidv7();
  const ended = await endLoss(test.database, dispatchId, replacedBy, later(380));
  assert.deepEqual({ ...ended }, { cause: "signal", deadAirMs: 380 });
  assert.equal(await endLoss(test.database, dispatchId, replacedBy, later(900)), null);
  const [row] = await listLosses(test.database, { limit: 10, dispatchId });
  assert.deepEqual([row?.replacedBy, row?.readyAt, row?.lostAt], [replacedBy, later(380), LOST_AT]);
});

Deno.test("A silence that nobody heard is no dead air", async () => {
  const { dispatchId } = await lose({ wasHumanThere: false });
  const ended = await endLoss(test.database, dispatchId, uuidv7(), later(380));
  assert.equal(ended?.deadAirMs, null);
});

Deno.test("A further attempt that fails before it is ready prolongs the loss of the first", async () => {
  const { dispatchId, isNew } = await lose();
  const again = await lose({ dispatchId, lostAt: later(200) });
  assert.deepEqual([isNew, again.isNew], [true, false]);
  assert.equal((await endLoss(test.database, dispatchId, uuidv7(), later(1_000)))?.deadAirMs, 1_000);
});

Deno.test("A loss that nobody replaces is given up once, and one after it is a new one", async () => {
  const { dispatchId } = await lose();
  assert.equal(await giveUpLoss(test.database, dispatchId, later(500)), true);
  assert.equal(await giveUpLoss(test.database, dispatchId, later(900)), false);
  assert.equal((await lose({ dispatchId, lostAt: later(2_000) })).isNew, true);
  const all = await listLosses(test.database, { limit: 10 });
  assert.deepEqual(all.map(({ deadAirMs }) => deadAirMs), [null, 500]);
  const [newest, oldest] = all;
  const next = await listLosses(test.database, { limit: 10, cursor: { createdAt: newest!.lostAt, id: newest!.id } });
  assert.deepEqual(next.map(({ id }) => id), [oldest!.id]);
});

Deno.test("The summary counts losses, those still open, and the dead air of all", async () => {
  const nowMs = Date.now();
  const ended = await lose({ lostAt: new Date(nowMs - 10_000) });
  await endLoss(test.database, ended.dispatchId, uuidv7(), new Date(nowMs - 9_000));
  await lose({ lostAt: new Date(nowMs - 5_000) });
  await lose({ lostAt: new Date(nowMs - 5_000), wasHumanThere: false });
  const summary = await summarizeLosses(test.database, new Date(nowMs - 60_000));
  assert.deepEqual([summary.losses, summary.open], [3, 2]);
  assert.ok(summary.deadAirMs >= 6_000, `${summary.deadAirMs}`);
});
