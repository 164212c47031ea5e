import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { ANY_REGION, type ClaimScope } from "../../../db/claim_scope.ts";
import { claimDispatches, type ClaimSlot, listClaimable } from "../../../db/claims.ts";
import type { Database } from "../../../db/client.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertPlacedDispatch, insertQueuedDispatch, type NewDispatch } from "../../../db/dispatches.ts";
import { type Change, rows } from "../../../db/statement.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let postgres: TestPostgres;
let test: TestDatabase;
const INSTANCE = crypto.randomUUID();
/** Far longer than a test. */
const GRACE_MS = 600_000;
const WEST: ClaimScope = { region: "west", regionGraceMs: GRACE_MS };

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
});
Deno.test.afterEach(() => test.drop());

function change(at = new Date()): Change {
  return { changeId: crypto.randomUUID(), actor: "test", cause: "test", at };
}

let ranks = 0;

function newDispatch(fields: Partial<NewDispatch> = {}): NewDispatch {
  return {
    id: crypto.randomUUID(),
    ...{ agent: "echo", server: "local", room: "room", priority: "normal", placement: "direct", origin: "rest" },
    ...{ retryOf: null, livekitDispatchId: null, metadata: null, traceparent: null, participantIdentity: null },
    rankAt: new Date(1_000_000 + ranks++),
    waitingReason: null,
    ...fields,
  };
}

/** Stores one that waits; later ones rank later. */
async function queue(fields: Partial<NewDispatch> = {}, createdAt = new Date()): Promise<string> {
  const dispatch = newDispatch(fields);
  assert.ok(await insertQueuedDispatch(test.database, dispatch, 1_000, change(createdAt), null));
  return dispatch.id;
}

function slots(count: number, agent = "echo", identity: string | null = null): ClaimSlot[] {
  const slot = () => ({ agent, identity, jobId: crypto.randomUUID(), leaseToken: crypto.randomUUID() });
  return Array.from({ length: count }, slot);
}

async function claim(given: ClaimSlot[], scope = ANY_REGION): Promise<string[]> {
  return (await claimDispatches(test.database, INSTANCE, given, scope, change())).map(({ id }) => id);
}

Deno.test("a claim takes by rank, never more than its slots, and never the same dispatch twice at once", async () => {
  const ids = [await queue(), await queue(), await queue(), await queue(), await queue(), await queue()];
  assert.deepEqual(
    await listClaimable(test.database, [{ agent: "echo", count: 9 }], ANY_REGION, 4),
    Array(4).fill("echo"),
  );
  assert.deepEqual(await claim(slots(2)), ids.slice(0, 2));
  const rest = await Promise.all([1, 2, 3].map(() => claim(slots(2))));
  assert.deepEqual(rest.flat().toSorted(), ids.slice(2).toSorted());
  assert.deepEqual(await listClaimable(test.database, [{ agent: "echo", count: 9 }], ANY_REGION, 4), []);
});

Deno.test("many claimers at once share out a queue of several agents: each dispatch gets one job", async () => {
  const ids: string[] = [];
  for (let i = 0; i < 120; i++) ids.push(await queue({ agent: i % 3 === 0 ? "b" : "a" }));
  const taken = (await Promise.all(
    Array.from({ length: 12 }, () => claim([...slots(7, "a"), ...slots(4, "b")])),
  )).flat();
  const rest = await claim([...slots(120, "a"), ...slots(120, "b")]);
  assert.deepEqual([...taken, ...rest].toSorted(), ids.toSorted());
  const [counted] = await rows<{ jobs: number; dispatches: number; transitions: number }>(
    test.database,
    sql`select count(*)::int as jobs, count(distinct dispatch_id)::int as dispatches,
      (select count(*)::int from transitions where to_state in ('placed', 'assigned')) as transitions from jobs`,
  );
  assert.deepEqual(counted, { jobs: 120, dispatches: 120, transitions: 240 });
});

Deno.test("one claim serves all agents, each no further than its slots; its answer and the look before are in order of rank", async () => {
  const [a1, b1, a2, b2] = [
    await queue({ agent: "a" }),
    await queue({ agent: 'b "{,}\\' }),
    await queue({ agent: "a" }),
    await queue({ agent: 'b "{,}\\' }),
  ];
  await queue({ agent: "c" });
  const free = [{ agent: 'b "{,}\\', count: 5 }, { agent: "a", count: 1 }, { agent: "nobody", count: 3 }];
  const next = await listClaimable(test.database, free, ANY_REGION, 10);
  assert.deepEqual(next, ["a", 'b "{,}\\', 'b "{,}\\']);
  assert.deepEqual(await claim([...slots(2, 'b "{,}\\'), ...slots(1, "a")]), [a1, b1, b2]);
  assert.deepEqual(await claim([...slots(3, "a"), ...slots(3, 'b "{,}\\')]), [a2]);
});

Deno.test("a claimed job has its slot's id and lease, and its identity by the agent's template", async () => {
  const id = await queue({ agent: "a", room: "blue" });
  const plain = await queue({ agent: "b" });
  const [slot] = slots(1, "a", "{agent} in {room}");
  const [other] = slots(1, "b");
  assert.ok(slot && other);
  assert.deepEqual(await claim([slot, other]), [id, plain]);
  const job = (await findDispatch(test.database, id))?.jobs[0];
  assert.deepEqual([job?.id, job?.leaseToken, job?.instanceId], [slot.jobId, slot.leaseToken, INSTANCE]);
  assert.equal(job?.participantIdentity, "a in blue");
  const second = (await findDispatch(test.database, plain))?.jobs[0];
  assert.equal(second?.participantIdentity, `agent-${other.jobId}`);
});

Deno.test("a dispatch that names a region is taken by that region at once, by others after the grace; what names none by all", async () => {
  const old = new Date(Date.now() - GRACE_MS - 60_000);
  const [east, west, any] = [await queue({ region: "east" }), await queue({ region: "west" }), await queue()];
  const late = await queue({ region: "east" }, old);
  assert.deepEqual(await claim(slots(9), WEST), [west, any, late]);
  assert.deepEqual(await claim(slots(9), { region: null, regionGraceMs: GRACE_MS }), []);
  assert.deepEqual(await claim(slots(9), { region: "east", regionGraceMs: GRACE_MS }), [east]);
});

Deno.test("a scheduled dispatch is left to its region from its start on, not from its request", async () => {
  const startsAt = new Date(Date.now() - 1_000);
  const id = await queue({ region: "east", scheduledAt: startsAt }, new Date(Date.now() - GRACE_MS - 60_000));
  assert.deepEqual(await claim(slots(1), WEST), []);
  assert.deepEqual(await claim(slots(1)), [id]);
});

Deno.test("what is left to another region does not stand before a direct placement here", async () => {
  await queue({ region: "east" });
  const id = crypto.randomUUID();
  const job = { id, attempt: 1, participant: null, participantIdentity: id, instanceId: INSTANCE };
  const newJob = { ...job, workerId: null, livekitJobId: null, leaseToken: crypto.randomUUID() };
  const place = (scope: ClaimScope) =>
    insertPlacedDispatch(test.database, newDispatch(), newJob, change(), null, { scope });
  assert.equal(await place({ region: "east", regionGraceMs: GRACE_MS }), false);
  assert.equal(await place(WEST), true);
});

Deno.test("looking and claiming read the queues by their indexes, however long they are", async () => {
  await rows(
    test.database,
    sql`insert into dispatches (id, agent, server, room, state, placement, origin, rank_at, created_at, change_id)
      select gen_random_uuid(), 'a' || n % 4, 'local', 'room', 'queued', 'direct', 'rest', now() + n * interval '1 second', now(),
        gen_random_uuid() from generate_series(1, 20000) n`,
  );
  await rows(test.database, sql`analyze dispatches`);
  const plans: string[] = [];
  const explained = {
    sql: {
      unsafe: async (text: string, params: never[]) => {
        const plan = await test.database.sql.unsafe(`explain (costs off) ${text}`, params);
        plans.push(plan.map((line) => line["QUERY PLAN"]).join("\n"));
        return [];
      },
    },
    noteAnswer: () => {},
  } as unknown as Database;
  await listClaimable(explained, [{ agent: "a1", count: 5 }, { agent: "a2", count: 5 }], WEST, 10);
  await claimDispatches(explained, INSTANCE, [...slots(5, "a1"), ...slots(5, "a2")], WEST, change());
  assert.equal(plans.length, 2);
  for (const plan of plans) {
    assert.match(plan, /Index Scan using dispatches_queue/);
    assert.doesNotMatch(plan, /Seq Scan on dispatches/);
  }
  assert.match(plans[1] ?? "", /dispatches_pkey/);
});
