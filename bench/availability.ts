/**
 * A storm of offers on one instance: 200 availability requests at once on 20 slots, answered by the real program in a
 * process of its own while the jobs that it takes start. LiveKit's server is played by this process, so that each offer and
 * its answer are seen; times are the server's, from sending the request to reading its answer. At the end a real server
 * places 200 dispatches on 20 slots; only what became of them is counted. Prints a table and writes JSON to bench/results/.
 *
 *   deno run -A bench/availability.ts [rounds]        (5 unless given)
 */
import { eventually } from "../tests/support/eventually.ts";
import { type FakeConnection, startFakeLivekit } from "../tests/support/fake_livekit_server.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { startTestLivekit } from "../tests/support/livekit.ts";
import { storm, type StormResult } from "../tests/support/storm.ts";
import { formatTable, type Row, summarize } from "./statistics.ts";

const ROUNDS = Number(Deno.args[0] ?? 5);
const OFFERS = 200;
const SLOTS = 20;
/** livekit.md 3, and mission.md B4. */
const AIM_MS = 250;
/** Dispatches that the real server is asked for at once. */
const REAL_BATCH = 20;

interface Scenario {
  what: string;
  agent: string;
  /** Runs beside each storm. */
  beside?: (round: number) => Promise<unknown>;
}

const CREDENTIALS = { apiKey: "devkey", apiSecret: "0123456789abcdef0123456789abcdef" };
const ENV = { MAX_CONCURRENT_JOBS: String(SLOTS), GREENROOM_LOG_LEVEL: "info", GREENROOM_CONNECT_TIMEOUT_MS: "1000" };

const played = await measurePlayed();
const rows: Row[] = played.map(({ what, results }) => {
  const times = results.flatMap(({ elapsedMs }) => elapsedMs);
  const p99 = percentile(times, 0.99);
  return {
    what: `${what}: p99 ${p99.toFixed(1)}`,
    summary: summarize(times),
    unit: "ms",
    aim: `p99 ≤ ${AIM_MS}`,
    isMet: p99 <= AIM_MS,
  };
});
console.log(formatTable(rows));
for (const { what, results } of played) {
  const counts = results.map((
    { accepted, declined, extraAnswers },
  ) => [accepted.length, declined.length, extraAnswers]);
  console.log(`${what}: [accepted, declined, answered twice] ${JSON.stringify(counts)}`);
}
const real = await measureReal();
console.log(`real server: ${JSON.stringify(real)}`);
const path = new URL(`./results/availability-${new Date().toISOString()}.json`, import.meta.url);
await Deno.writeTextFile(path, JSON.stringify({ at: new Date(), offers: OFFERS, slots: SLOTS, played, real }, null, 2));

async function measurePlayed(): Promise<{ what: string; results: StormResult[] }[]> {
  await using fake = startFakeLivekit();
  const agents = ["echo", "decided", "choosy"];
  const greenroom = await Greenroom.start({ agents, livekit: { url: fake.url, ...CREDENTIALS }, env: ENV });
  try {
    const connectionOf = (name: string): Promise<FakeConnection> =>
      eventually(() =>
        fake.connections.find(({ received }) =>
          received.some((message) => message.case === "register" && message.value.agentName === name)
        )
      );
    const looping = async (round: number) =>
      await storm(await connectionOf("choosy"), { offers: 3, label: `loop${round}`, metadata: "loop" });
    const scenarios: Scenario[] = [
      { what: "an agent without accept", agent: "echo" },
      { what: "accept is asked in the agent's host", agent: "decided" },
      { what: "the same, beside an agent whose accept loops", agent: "decided", beside: looping },
    ];
    const measured = [];
    for (const { what, agent, beside } of scenarios) {
      const results: StormResult[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await slotsAreFree(greenroom);
        const label = `${agent}-${measured.length}-${round}`;
        const other = beside?.(round);
        results.push(await storm(await connectionOf(agent), { offers: OFFERS, label, agentName: agent }));
        await other;
      }
      measured.push({ what, results });
    }
    return measured;
  } finally {
    await greenroom.stop();
  }
}

/** What the worker answered, by its own count; a job that was not taken is dropped by the server. */
async function measureReal(): Promise<{ dispatched: number; accepted: number; declined: number; running: number }> {
  const livekit = await startTestLivekit();
  const greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit,
    env: { ...ENV, GREENROOM_CONNECT_TIMEOUT_MS: "10000" },
  });
  const worker = async () => (await greenroom.get("/api/v1/workers")).items[0];
  try {
    await eventually(async () => (await worker()).connection.state === "registered");
    // The server keeps what workers there are for a minute, and was asked for none yet: the first dispatch teaches it.
    await eventually(async () => {
      await livekit.api.createDispatch({ agentName: "echo", room: "first" });
      return (await worker()).offers.accepted > 0;
    }, { everyMs: 1_000 });
    for (let i = 0; i < OFFERS; i += REAL_BATCH) {
      const batch = Array.from({ length: REAL_BATCH }, (_, n) => `real-${i + n}`);
      await Promise.all(batch.map((room) => livekit.api.createDispatch({ agentName: "echo", room })));
    }
    await eventually(async () => (await worker()).jobCount === SLOTS, { withinMs: 60_000, what: "full slots" });
    const { offers, jobCount } = await worker();
    return { dispatched: OFFERS + 1, accepted: offers.accepted, declined: offers.declined, running: jobCount };
  } finally {
    await greenroom.stop();
    await livekit.stop();
  }
}

async function slotsAreFree(greenroom: Greenroom): Promise<void> {
  await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/instances");
    return items.every((instance: { slots: { used: number } | null }) => (instance.slots?.used ?? 0) === 0);
  }, { withinMs: 120_000, what: "free slots" });
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
