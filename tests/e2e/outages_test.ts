/**
 * The database goes away, LiveKit goes away, both do: calls go on, what was accepted is kept, and nobody is rescued who
 * was never lost. GREENROOM_TEST_OUTAGE_MS makes the long outage longer (bench/outage.ts measures it with 20 calls).
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom, makeDataDir } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";
import { type OutagePostgres, slowRelayTo, startOutagePostgres } from "../support/outage_postgres.ts";
import type { RoomParticipant } from "../support/room_participant.ts";
import { brokenChains } from "../support/job_chains.ts";

const TONE_HZ = 440;
const OUTAGE_MS = Number(Deno.env.get("GREENROOM_TEST_OUTAGE_MS") ?? 15_000);
/** The limit is 1 s; the rest is for a busy machine, on which the silence that counts is longer, too. */
const REFUSED_WITHIN_MS = 8_000;
/** The limit is 5 s, which bench/outage.ts measures; the rest is for a busy machine. */
const DRAINED_WITHIN_MS = 30_000;

/** The default; other tests are more patient, because a busy machine makes a database silent for a moment. */
const SILENCE = { GREENROOM_DATABASE_SILENCE_MS: "600" };

let livekit: TestLivekit;
let postgres: OutagePostgres;
Deno.test.beforeAll(async () => {
  [livekit, postgres] = await Promise.all([startTestLivekit(), startOutagePostgres()]);
});
Deno.test.afterAll(async () => {
  await livekit?.stop();
  await postgres?.[Symbol.asyncDispose]();
});

interface Call extends AsyncDisposable {
  id: string;
  identity: string;
  pid: number;
  caller: RoomParticipant;
}

/** An echo agent and a caller who hears it. */
async function startCall(greenroom: Greenroom, room: string): Promise<Call> {
  // As a client does that is told to come again: a busy machine may make the database silent for a moment.
  const body = await eventually(async () => {
    const { status, body } = await greenroom.dispatch({ agent: "echo", room });
    return status === 201 ? body : null;
  }, { withinMs: 20_000, everyMs: 1_000, what: `an agent in ${room}` });
  const caller = await greenroom.human(room);
  await caller.playTone(TONE_HZ);
  await caller.hearsTone(TONE_HZ);
  const [{ participantIdentity: identity, pid }] = body.jobs;
  return { id: body.id, identity, pid, caller, [Symbol.asyncDispose]: () => caller.leave() };
}

async function startCalls(greenroom: Greenroom, rooms: string[], calls: AsyncDisposableStack): Promise<Call[]> {
  return await Promise.all(rooms.map(async (room) => calls.use(await startCall(greenroom, room))));
}

/** A request for an agent, how it was answered, and when. */
async function request(greenroom: Greenroom, room: string) {
  const startedAt = performance.now();
  const { status, headers, body } = await greenroom.dispatch({ agent: "echo", room }, "");
  return { status, body, retryAfter: headers.get("retry-after"), tookMs: performance.now() - startedAt };
}

async function assertRefused(greenroom: Greenroom, room: string): Promise<number> {
  const { status, body, retryAfter, tookMs } = await request(greenroom, room);
  assert.equal(status, 503, JSON.stringify(body));
  assert.match(body.code, /^database_/);
  assert.ok(body.remedy.length > 0);
  assert.equal(retryAfter, "1");
  assert.ok(tookMs < REFUSED_WITHIN_MS, `refused after ${tookMs} ms`);
  return tookMs;
}

function drained(greenroom: Greenroom) {
  return eventually(async () => {
    const { database, spooledChanges } = await greenroom.get("/health");
    return database === "connected" && spooledChanges === 0;
  }, { withinMs: DRAINED_WITHIN_MS, what: "an empty spool" });
}

/** Every call goes on by the job that began it. */
async function assertNobodyRescued(greenroom: Greenroom, calls: readonly Call[]): Promise<void> {
  for (const { id } of calls) {
    const { state, jobs } = await greenroom.get(`/api/v1/dispatches/${id}`);
    assert.deepEqual([state, jobs.length, jobs[0].state], ["running", 1, "running"], id);
  }
}

/** What a silent server had received is executed when it goes on: it was refused, so it must not serve. */
async function assertRefusedOnesEnd(greenroom: Greenroom, room: string): Promise<void> {
  const found = () => greenroom.get(`/api/v1/dispatches?room=${room}`);
  await eventually(async () => {
    const { items } = await found();
    return items.every(({ state }: { state: string }) => state === "cancelled");
  }, { what: "refused requests cancelled" });
  assert.deepEqual((await livekit.api.listParticipants(room)).length, 0);
}

/** Every caller hears the same agent again. */
async function assertHeard(calls: readonly Call[]): Promise<void> {
  for (const { caller, identity } of calls) {
    const heard = await caller.hearsTone(TONE_HZ, { withinMs: 10_000 }).catch(async () => {
      await caller.publishAgain();
      return await caller.hearsTone(TONE_HZ);
    });
    assert.equal(heard.from, identity);
  }
}

async function largestGapMs(calls: readonly Call[]): Promise<number> {
  const reports = await Promise.all(calls.map(({ caller }) => caller.toneReport()));
  return Math.max(...reports.map(({ largestGapMs }) => largestGapMs));
}

Deno.test("the database's host goes silent: calls go on, new requests are refused at once, nothing is lost", async () => {
  await using greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit,
    env: { DATABASE_URL: postgres.url, ...SILENCE },
  });
  await using calls = new AsyncDisposableStack();
  const rooms = ["silent-1", "silent-2", "silent-3", "silent-cancelled", "silent-killed"];
  const all = await startCalls(greenroom, rooms, calls);
  const [cancelled, killed] = [all[3]!, all[4]!];
  const going = all.slice(0, 3);
  await postgres.freeze();
  const frozenAt = performance.now();
  const tookMs = [await assertRefused(greenroom, "refused")];
  const refusedAfterMs = performance.now() - frozenAt;
  try {
    const { database, databaseAwaySince } = await greenroom.get("/health");
    assert.deepEqual([database, typeof databaseAwaySince], ["unreachable", "string"]);
    assert.equal((await greenroom.call("GET", "/ready")).status, 503);
    const page = await fetch(`${greenroom.url}/jobs`, { headers: { ...greenroom.authorization, accept: "text/html" } });
    assert.equal(page.status, 503);
    assert.match(await page.text(), /The database can.{1,6}t be used/);
    for (const method of ["POST", "GET"]) {
      const form = method === "POST" ? { body: new URLSearchParams({ key: "test-key-0123456789abcdef" }) } : {};
      const path = method === "POST" ? "/sign-in" : "/sign-in?token=some-token";
      const signIn = await fetch(greenroom.url + path, { method, headers: { accept: "text/html" }, ...form });
      assert.equal(signIn.status, 503, method);
      assert.match(await signIn.text(), /has been away since/);
    }
    assert.equal((await greenroom.call("DELETE", `/api/v1/dispatches/${cancelled.id}`)).status, 202);
    Deno.kill(killed.pid, "SIGKILL");
    // LiveKit knows nothing of our database.
    await livekit.api.createDispatch({ agentName: "echo", room: "by-livekit" });
    const caller = calls.use(await greenroom.human("by-livekit"));
    await caller.playTone(TONE_HZ);
    await caller.hearsTone(TONE_HZ);
    while (performance.now() - frozenAt < OUTAGE_MS) {
      tookMs.push(await assertRefused(greenroom, "refused"));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.ok((await greenroom.get("/health")).spooledChanges >= 2);
  } finally {
    await postgres.thaw();
  }
  const thawedAt = performance.now();
  await drained(greenroom);
  const drainedMs = performance.now() - thawedAt;
  const isServed = async () => (await greenroom.dispatch({ agent: "echo", room: "afterwards" })).status === 201;
  await eventually(isServed, { what: "an agent for a new request" });
  await assertRefusedOnesEnd(greenroom, "refused");
  await greenroom.dispatchIn(["cancelled"], cancelled.id);
  const again = await eventually(async () => {
    const { jobs } = await greenroom.get(`/api/v1/dispatches/${killed.id}`);
    return jobs.at(-1).stages.readyAt !== null && jobs.length === 2 ? jobs : null;
  }, { what: "the killed job's next attempt" });
  assert.equal(again[0].failure.kind, "signal");
  await assertNobodyRescued(greenroom, going);
  const { items: [byLivekit] } = await greenroom.get("/api/v1/dispatches?room=by-livekit");
  assert.deepEqual([byLivekit.state, byLivekit.origin, byLivekit.jobs.length], ["running", "livekit", 1]);
  const gapMs = await largestGapMs(going);
  await assertHeard(going);
  const database = postgres.open();
  assert.deepEqual(await brokenChains(database, [...all, byLivekit].map(({ id }) => id)), []);
  await database.close();
  const figures = { gapMs, first503Ms: refusedAfterMs, slowest503Ms: Math.max(...tookMs), drainedMs };
  console.log("outage:", JSON.stringify(figures, (_, value) => typeof value === "number" ? Math.round(value) : value));
});

Deno.test("Postgres is restarted, then LiveKit, then both: two instances keep their calls, and nobody is rescued", async () => {
  const settings = { agents: ["echo"], livekit, env: { DATABASE_URL: postgres.url } };
  await using stack = new AsyncDisposableStack();
  const [first, second] = await Promise.all([Greenroom.start(settings), Greenroom.start(settings)]);
  stack.use(first);
  stack.use(second);
  const calls = [
    ...await startCalls(first, ["kept-1", "kept-2"], stack),
    ...await startCalls(second, ["kept-3"], stack),
  ];
  // Every lock is freed at once, and both see the other's lock free.
  await postgres.restart();
  await Promise.all([drained(first), drained(second)]);
  await assertNobodyRescued(first, calls);
  await assertHeard(calls);
  assert.equal((await second.dispatch({ agent: "echo", room: "after-restart" })).status, 201);

  await livekit.restart();
  await assertHeard(calls);
  await workersRegistered(first);
  await assertNobodyRescued(first, calls);

  await Promise.all([postgres.crash(), livekit.kill()]);
  await Promise.all([assertRefused(first, "both-away"), assertRefused(second, "both-away")]);
  await Promise.all([postgres.start(), livekit.restart()]);
  await Promise.all([drained(first), drained(second)]);
  await assertHeard(calls);
  await assertNobodyRescued(second, calls);
  const placed = await eventually(async () => {
    const { status, body } = await first.dispatch({ agent: "echo", room: "after-both" });
    return status === 201 ? body : null;
  }, { withinMs: 30_000, what: "new calls after both were away" });
  assert.equal(placed.jobs.length, 1);
  for (const greenroom of [first, second]) {
    assert.ok(!greenroom.events.some(({ message }) => message.includes("another instance is dead")), "nobody was dead");
  }
});

function workersRegistered(greenroom: Greenroom) {
  return eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.length > 0 &&
      items.every((worker: { connection: { state: string } }) => worker.connection.state === "registered");
  }, { withinMs: 30_000, what: "registered workers" });
}

Deno.test("a database that takes 200 ms per statement serves: dispatches become ready, and it is not taken for away", async () => {
  await using relay = slowRelayTo(postgres.port, 200);
  const url = new URL(postgres.url);
  url.port = String(relay.port);
  await using greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit,
    env: { DATABASE_URL: url.href },
  });
  await using calls = new AsyncDisposableStack();
  const started = await startCalls(greenroom, ["slow-1", "slow-2"], calls);
  const [ended] = started;
  assert.equal((await greenroom.call("DELETE", `/api/v1/dispatches/${ended!.id}`)).status, 202);
  await greenroom.dispatchIn(["cancelled"], ended!.id);
  await assertNobodyRescued(greenroom, started.slice(1));
  await assertHeard(started.slice(1));
  assert.equal((await greenroom.get("/health")).database, "connected");
  assert.ok(!greenroom.events.some(({ message }) => message.includes("the database is away")), "it was never away");
});

Deno.test("the program is killed while the database is away: its next start replays the spool, and all is accounted for", async () => {
  const dataDir = await makeDataDir();
  const settings = { agents: ["echo"], livekit, env: { DATABASE_URL: postgres.url }, dataDir };
  try {
    await using stack = new AsyncDisposableStack();
    const greenroom = await Greenroom.start(settings);
    const calls = await startCalls(greenroom, ["spooled-cancelled", "spooled-killed", "running"], stack);
    const [cancelled, killed, running] = [calls[0]!, calls[1]!, calls[2]!];
    await postgres.crash();
    await assertRefused(greenroom, "nobody");
    assert.equal((await greenroom.call("DELETE", `/api/v1/dispatches/${cancelled.id}`)).status, 202);
    Deno.kill(killed.pid, "SIGKILL");
    const recordedEnds = () => greenroom.events.filter(({ message }) => message === "job ended").length;
    await eventually(() => recordedEnds() === 2, { what: "both ends in the spool" });
    assert.ok((await greenroom.get("/health")).spooledChanges >= 2);
    await greenroom.kill();
    await postgres.start();
    await using again = await Greenroom.start(settings);
    assert.equal((await again.get("/health")).spooledChanges, 0);
    const { state, jobs } = await again.get(`/api/v1/dispatches/${cancelled.id}`);
    assert.deepEqual([state, jobs.length, jobs[0].state], ["cancelled", 1, "cancelled"]);
    for (const { id } of [killed, running]) {
      const next = await eventually(async () => {
        const dispatch = await again.get(`/api/v1/dispatches/${id}`);
        return dispatch.jobs.length === 2 && dispatch.jobs[1].stages.readyAt !== null ? dispatch : null;
      }, { withinMs: 30_000, what: `the next attempt of ${id}` });
      assert.equal(next.jobs[0].failure.kind, id === killed.id ? "signal" : "instance_lost");
    }
    const database = postgres.open();
    assert.deepEqual(await brokenChains(database, calls.map(({ id }) => id)), []);
    await database.close();
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
