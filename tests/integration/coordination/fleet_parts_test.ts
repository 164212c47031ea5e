import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { FleetCommands } from "../../../core/coordination/fleet_commands.ts";
import { InstanceWatch } from "../../../core/coordination/instance_watch.ts";
import { LEASE_MS } from "../../../core/coordination/instance_verdict.ts";
import { Leadership } from "../../../core/coordination/leadership.ts";
import { Notices, type NoticeTopic } from "../../../core/coordination/notices.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { pruneCommands } from "../../../db/instance_commands.ts";
import { insertInstance } from "../../../db/instances.ts";
import { InstanceSession, lookAtOthers } from "../../../db/session_lock.ts";
import { rows } from "../../../db/statement.ts";
import { eventually } from "../../support/eventually.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

const ME = uuidv7();

/** An instance that holds its lock on a session of its own. */
async function makeInstance(): Promise<{ id: string; session: InstanceSession }> {
  const id = uuidv7();
  await insertInstance(test.database, {
    id,
    hostname: "test",
    pid: 1,
    version: "0",
    maxJobs: 1,
    region: null,
    zone: null,
  });
  const session = new InstanceSession(test.database);
  assert.equal(await session.beat(id), true);
  return { id, session };
}

const look = () => lookAtOthers(test.database, ME, 10);

async function ageHeartbeat(id: string, ageMs: number): Promise<void> {
  await rows(
    test.database,
    sql`update instances set heartbeat_at = now() - ${ageMs}::int * interval '1 millisecond' where id = ${id}::uuid`,
  );
}

Deno.test("An instance's lock is held while its session lives, however often it beats, and free when the session is gone", async () => {
  const { id, session } = await makeInstance();
  assert.equal(await session.beat(id), true);
  const [seen] = await look();
  assert.deepEqual([seen?.instanceId, seen?.isLockFree], [id, false]);
  const [held] = await test.database.sql`select count(*)::int as count from pg_locks where locktype = 'advisory'`;
  assert.equal(held?.count, 1);
  await session.end();
  await eventually(async () => (await look())[0]?.isLockFree === true);
});

Deno.test("An instance whose row was ended hears so at its next beat", async () => {
  const { id, session } = await makeInstance();
  await rows(test.database, sql`update instances set state = 'lost', ended_at = now() where id = ${id}::uuid`);
  assert.equal(await session.beat(id), false);
  assert.deepEqual(await look(), []);
  await session.end();
});

async function watching(connectedForMs: number) {
  const dead: string[] = [];
  const options = { database: test.database, instanceId: ME, logger: silentLogger };
  const watch = new InstanceWatch({
    ...options,
    connectedForMs: () => connectedForMs,
    onDead: (id) => void dead.push(id),
  });
  await watch.look();
  return { watch, dead };
}

Deno.test("A dead instance is told of once, at the second look, and its row ends", async () => {
  const { id, session } = await makeInstance();
  const living = await makeInstance();
  await session.end();
  await ageHeartbeat(id, 3_000);
  const { watch, dead } = await watching(LEASE_MS);
  assert.deepEqual(dead, []);
  await eventually(async () => {
    await watch.look();
    return dead.length > 0;
  });
  await watch.look();
  assert.deepEqual(dead, [id]);
  assert.deepEqual((await look()).map(({ instanceId }) => instanceId), [living.id]);
  await living.session.end();
});

Deno.test("Nobody is told dead by an observer that has just come back, as after a restart of the database", async () => {
  const { id, session } = await makeInstance();
  await session.end();
  await ageHeartbeat(id, 60_000);
  const { watch, dead } = await watching(LEASE_MS - 1);
  await watch.look();
  assert.deepEqual(dead, []);
});

function leadership(nowMs: () => number): Leadership {
  return new Leadership({ database: test.database, work: "sweeps", instanceId: uuidv7(), logger: silentLogger, nowMs });
}

Deno.test("One instance leads at a time; another takes over when the lease is given up or has run out", async () => {
  let nowMs = 0;
  const [first, second] = [leadership(() => nowMs), leadership(() => nowMs)];
  await first.renew();
  await second.renew();
  assert.deepEqual([first.isLeader, second.isLeader], [true, false]);
  await rows(test.database, sql`update leases set until = now()`);
  nowMs = 5_000; // by its own clock the first has stopped leading before its lease ends
  assert.equal(first.isLeader, false);
  await second.renew();
  await first.renew();
  assert.deepEqual([first.isLeader, second.isLeader], [false, true]);
  const stop = new AbortController();
  stop.abort();
  await second.run(stop.signal);
  await first.renew();
  assert.deepEqual([first.isLeader, second.isLeader], [true, false]);
});

Deno.test("A lease renewed keeps its token; one taken over gets another", async () => {
  const token = async () => (await rows(test.database, sql`select token from leases`))[0]?.token;
  const [first, second] = [leadership(() => 0), leadership(() => 0)];
  await first.renew();
  const before = await token();
  await first.renew();
  assert.equal(await token(), before);
  await rows(test.database, sql`update leases set until = now()`);
  await second.renew();
  assert.notEqual(await token(), before);
});

async function withNotices(
  isEnabled: boolean,
  work: (a: Notices, b: Notices, heard: [NoticeTopic, readonly string[]][]) => Promise<void>,
): Promise<void> {
  const make = () => new Notices({ database: test.database, instanceId: uuidv7(), isEnabled, logger: silentLogger });
  const [a, b] = [make(), make()];
  const heard: [NoticeTopic, readonly string[]][] = [];
  b.on((topic, subjects) => heard.push([topic, subjects]));
  const ending = new AbortController();
  const running = [a.run(ending.signal), b.run(ending.signal)];
  try {
    await work(a, b, heard);
  } finally {
    ending.abort();
    await Promise.all(running);
  }
}

Deno.test("Notices reach the other instances, gathered, and not their sender; a new connection counts as having missed some", () =>
  withNotices(true, async (a, b, heard) => {
    await eventually(() => heard.length === 4);
    assert.deepEqual(heard.splice(0), [["queue", []], ["commands", []], ["jobs", []], ["fleet", []]]);
    b.tell("queue");
    for (const id of ["x", "y", "x"]) a.tell("jobs", id);
    await eventually(() => heard.length > 0);
    assert.deepEqual(heard.splice(0), [["jobs", ["x", "y"]]]);
    await test.database.sql`select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'`;
    await eventually(() => heard.some(([topic]) => topic === "queue"));
  }));

Deno.test("Notices that are switched off say and hear nothing", () =>
  withNotices(false, async (a, _b, heard) => {
    a.tell("queue");
    await test.database.sql`select pg_notify('greenroom', '{"from":"x","topic":"queue","subjects":[]}')`;
    assert.deepEqual(heard, []);
  }));

interface Commanding {
  asking: FleetCommands;
  asked: FleetCommands;
  askedId: string;
}

/** Two instances; the second does what the first asks for. */
async function withCommands(work: (scene: Commanding) => Promise<void>, timeoutMs = 5_000): Promise<void> {
  const { id: askedId, session } = await makeInstance();
  const make = (instanceId: string) => {
    const options = { database: test.database, instanceId, logger: silentLogger };
    return new FleetCommands({ ...options, notices: new Notices({ ...options, isEnabled: false }), timeoutMs });
  };
  const [asking, asked] = [make(ME), make(askedId)];
  const ending = new AbortController();
  const running = asked.run(ending.signal);
  try {
    await work({ asking, asked, askedId });
  } finally {
    ending.abort();
    await running;
    await session.end();
  }
}

Deno.test("A command is done once by the instance that it is for, and its answer comes back, without any notice", () =>
  withCommands(async ({ asking, asked, askedId }) => {
    const done: unknown[] = [];
    asked.handle("cancel_job", (payload, actor) => void done.push([payload, actor]));
    asked.handle("drain", () => Promise.reject(new Error("it is being drained already")));
    assert.deepEqual(await asking.send(askedId, "cancel_job", { jobId: "j" }, "rest:me"), { ok: true });
    assert.deepEqual(done, [[{ jobId: "j" }, "rest:me"]]);
    const refused = await asking.send(askedId, "drain", {}, "rest:me");
    assert.deepEqual(refused, { ok: false, code: "failed", message: "it is being drained already" });
    const unknown = await asking.send(askedId, "cordon", {}, "rest:me");
    assert.match(unknown.ok ? "" : unknown.message, /does not know the command "cordon"/);
  }));

Deno.test("Commands of days ago are forgotten, newer ones are kept", async () => {
  const { id, session } = await makeInstance();
  const command = (age: string) =>
    sql`insert into instance_commands (id, instance_id, kind, payload, actor, created_at)
      values (gen_random_uuid(), ${id}::uuid, ${age}, '{}', 'x', now() - ${age}::interval)`;
  for (const age of ["25 hours", "23 hours"]) await rows(test.database, command(age));
  await pruneCommands(test.database, 86_400_000, 10);
  assert.deepEqual([...await rows(test.database, sql`select kind from instance_commands`)], [{ kind: "23 hours" }]);
  await session.end();
});

Deno.test("A command for an instance that is gone is refused at once; one that nobody answers times out", async () => {
  await withCommands(async ({ asking }) => {
    const refused = await asking.send(uuidv7(), "cordon", {}, "rest:me");
    assert.equal(refused.ok ? "" : refused.code, "no_such_instance");
  });
  const { id, session } = await makeInstance();
  await withCommands(async ({ asking }) => {
    const unanswered = await asking.send(id, "cordon", {}, "rest:me");
    assert.equal(unanswered.ok ? "" : unanswered.code, "timed_out");
  }, 200);
  await session.end();
});
