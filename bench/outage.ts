/**
 * Postgres is stopped while calls run and new ones are asked for, on the real program and a real LiveKit server.
 *   deno task bench:outage [seconds, 60] [calls, 20] [callers: how many of the calls have somebody who listens; all]
 *
 * The sound is first measured for as long without an outage. Then twice: its host is silent (SIGSTOP: connections stay and
 * nothing answers), then nothing listens there (kill -9).
 * Aims: largest audio gap ≤ 200 ms, new requests 503 within 1 s, spool drained ≤ 5 s after it is back, nobody rescued.
 */
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { startTestLivekit } from "../tests/support/livekit.ts";
import { brokenChains } from "../tests/support/job_chains.ts";
import { startOutagePostgres } from "../tests/support/outage_postgres.ts";
import type { RoomParticipant } from "../tests/support/room_participant.ts";
import { percentile, writeResults } from "./statistics.ts";

const seconds = Number(Deno.args[0] ?? 60);
const callCount = Number(Deno.args[1] ?? 20);
const callerCount = Number(Deno.args[2] ?? callCount);
const TONE_HZ = 440;
const HEARD_WITHIN_MS = 60_000;
const ASK_EVERY_MS = 200;
/** Calls that end during each outage, so that something waits in the spool. */
const ENDED = 2;

interface Call {
  id: string;
  caller: RoomParticipant | null;
}

await using livekit = await startTestLivekit();
await using postgres = await startOutagePostgres();
await using greenroom = await Greenroom.start({
  agents: ["echo"],
  livekit,
  env: { DATABASE_URL: postgres.url, GREENROOM_DATABASE_SILENCE_MS: "600", MAX_CONCURRENT_JOBS: String(callCount + 5) },
});
const calls: Call[] = [];
// Those without a caller are the first to end.
for (let n = 0; n < callCount; n++) calls.push(await startCall(`call-${n}`, n >= callCount - callerCount));
console.log(`${calls.length} calls run, ${callerCount} with a caller`);
const undisturbedGapMs = await listenOnly();
console.log(`largest gap in ${seconds} s with the database there: ${undisturbedGapMs} ms`);
const silent = await outage("silent", () => postgres.freeze(), () => postgres.thaw());
const refused = await outage("refused", () => postgres.crash(), () => postgres.start());
const results = { undisturbedGapMs, silent, refused };
console.table({ silent, refused });
await writeResults("outage", { seconds, calls: callCount, callers: callerCount, results });
await Promise.all(calls.map(({ caller }) => caller?.leave()));

async function startCall(room: string, hasCaller: boolean): Promise<Call> {
  const { status, body } = await greenroom.dispatch({ agent: "echo", room });
  if (status !== 201) throw new Error(`no call in ${room}: ${JSON.stringify(body)}`);
  if (!hasCaller) return { id: body.id, caller: null };
  const caller = await greenroom.human(room);
  await caller.playTone(TONE_HZ);
  await caller.hearsTone(TONE_HZ, { withinMs: HEARD_WITHIN_MS });
  return { id: body.id, caller };
}

/** What this machine does to the sound by itself, in as long a time. */
async function listenOnly(): Promise<number> {
  await countGaps();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return await largestGapMs();
}

async function countGaps(): Promise<void> {
  await Promise.all(calls.map(({ caller }) => caller?.hearsTone(TONE_HZ, { withinMs: HEARD_WITHIN_MS })));
}

async function outage(name: string, begin: () => Promise<void>, end: () => Promise<void>) {
  const ending = calls.splice(0, ENDED);
  await countGaps();
  await begin();
  const begunAtMs = performance.now();
  const answers: { status: number; tookMs: number }[] = [];
  const asking: Promise<void>[] = [];
  let hasEnded = false;
  while (performance.now() - begunAtMs < seconds * 1_000) {
    asking.push(ask(name).then((answer) => void answers.push(answer)));
    if (!hasEnded && answers.length > 0) {
      hasEnded = true;
      for (const { id } of ending) await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  await Promise.all(asking);
  const { spooledChanges } = await greenroom.get("/health");
  const gapMs = await largestGapMs();
  await end();
  const backAtMs = performance.now();
  await eventually(async () => {
    const health = await greenroom.get("/health");
    return health.database === "connected" && health.spooledChanges === 0;
  }, { withinMs: 60_000, what: "an empty spool" });
  const drainedMs = performance.now() - backAtMs;
  const database = postgres.open();
  const broken = await brokenChains(database, [...calls, ...ending].map(({ id }) => id));
  await database.close();
  await Promise.all(ending.map(({ caller }) => caller?.leave()));
  const times = answers.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  return {
    largestGapMs: Math.max(gapMs, await largestGapMs()),
    requests: answers.length,
    not503: answers.filter(({ status }) => status !== 503).length,
    p50Ms: Math.round(percentile(times, 0.5)),
    slowestMs: Math.round(percentile(times, 1)),
    spooledChanges,
    drainedMs: Math.round(drainedMs),
    rescued: await rescuedCalls(),
    brokenChains: broken.length,
  };
}

async function ask(room: string): Promise<{ status: number; tookMs: number }> {
  const startedAtMs = performance.now();
  const { status } = await greenroom.dispatch({ agent: "echo", room }, "");
  return { status, tookMs: performance.now() - startedAtMs };
}

async function rescuedCalls(): Promise<number> {
  const found = await Promise.all(calls.map(({ id }) => greenroom.get(`/api/v1/dispatches/${id}`)));
  return found.filter(({ state, jobs }) => state !== "running" || jobs.length !== 1).length;
}

async function largestGapMs(): Promise<number> {
  const reports = await Promise.all(calls.map(({ caller }) => caller?.toneReport()));
  return Math.max(...reports.map((report) => report?.largestGapMs ?? 0));
}
