/**
 * The queue under load, on the real program, a real database and a real LiveKit server:
 *
 * - bursts of 25, 50 and 200 dispatches at once on 20 slots: all of them ready, how long the median and the last one took;
 * - sustained: short jobs, as many at a time as there are slots, per second, on one instance and on three of a fleet.
 *
 *   deno run -A bench/queue.ts [seconds of each sustained run]        (20 unless given)
 *
 * One machine serves all instances here, so three of them show what sharing a queue costs, not what more machines give.
 */
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { startTestLivekit } from "../tests/support/livekit.ts";
import { startPostgresByUrl } from "../tests/support/postgres_url.ts";
import { formatTable, type Row, summarize, writeResults } from "./statistics.ts";

const SUSTAINED_MS = Number(Deno.args[0] ?? 20) * 1_000;
const BURST_SIZES = [25, 50, 200];
const AGENTS = ["short", "short-shared"];
const INSTANCES = 3;
const IN_FLIGHT = 20;
/** All waits of a run, and how long one of them may take. */
const LIMIT_MS = 180_000;

interface Dispatch {
  id: string;
  state: string;
  stages: { requestedAt: string; readyAt: string | null };
}

let rooms = 0;
const livekit = await startTestLivekit();
const postgres = await startPostgresByUrl();
const fleet: Greenroom[] = [await start()];
try {
  const rows = await run();
  console.log(formatTable(rows));
  await writeResults("queue", { cores: navigator.hardwareConcurrency, rows });
} finally {
  for (const instance of fleet) await instance.stop();
  await postgres[Symbol.asyncDispose]();
  await livekit.stop();
}

async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const agent of AGENTS) {
    for (const size of BURST_SIZES) rows.push(await burst(agent, size));
    rows.push(await sustained(agent));
  }
  while (fleet.length < INSTANCES) fleet.push(await start());
  for (const agent of AGENTS) rows.push(await sustained(agent));
  return rows;
}

function start(): Promise<Greenroom> {
  return Greenroom.start({
    livekit,
    env: {
      DATABASE_URL: postgres.url,
      GREENROOM_AGENTS_DIR: new URL("./queue_agents", import.meta.url).pathname,
      GREENROOM_LOG_LEVEL: "info",
    },
  });
}

/** Request → ready of each of so many dispatches, asked for at once. Throws when one of them did not succeed. */
async function burst(agent: string, size: number): Promise<Row> {
  const [instance] = fleet;
  if (!instance) throw new Error("No instance runs");
  const asked = await Promise.all(Array.from({ length: size }, () => ask(instance, agent, "")));
  const tookMs: number[] = [];
  for (const id of asked) {
    const { stages } = await succeeded(instance, id);
    tookMs.push(Date.parse(stages.readyAt ?? "") - Date.parse(stages.requestedAt));
  }
  await instance.allSlotsFree(LIMIT_MS);
  return { what: `${agent}: ${size} at once, request → ready`, summary: summarize(tookMs), unit: "ms" };
}

/** Jobs that succeeded per second, asked for in turns at all instances. */
async function sustained(agent: string): Promise<Row> {
  const startedAtMs = performance.now();
  let done = 0;
  const keepAsking = async (number: number) => {
    for (let turn = number; performance.now() - startedAtMs < SUSTAINED_MS; turn++) {
      const instance = fleet[turn % fleet.length];
      if (!instance) continue;
      await succeeded(instance, await ask(instance, agent, `wait=done&waitMs=60000`));
      done++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, number) => keepAsking(number)));
  const perSecond = done * 1_000 / (performance.now() - startedAtMs);
  for (const instance of fleet) await instance.allSlotsFree(LIMIT_MS);
  return {
    what: `${agent}: sustained on ${fleet.length} instance(s), ${done} jobs`,
    summary: summarize([perSecond]),
    unit: "jobs/s",
  };
}

async function ask(instance: Greenroom, agent: string, query: string): Promise<string> {
  const { status, body } = await instance.dispatch({ agent, room: `queue-${++rooms}` }, query);
  if (status >= 300) throw new Error(`Not taken: ${status} ${JSON.stringify(body)}`);
  return body.id;
}

function succeeded(instance: Greenroom, id: string): Promise<Dispatch> {
  return eventually(async () => {
    const dispatch: Dispatch = await instance.get(`/api/v1/dispatches/${id}`);
    if (["failed", "cancelled", "expired"].includes(dispatch.state)) {
      throw new Error(`Lost: ${JSON.stringify(dispatch)}`);
    }
    return dispatch.state === "succeeded" ? dispatch : null;
  }, { withinMs: LIMIT_MS, what: `the end of ${id}` });
}
