/**
 * What every page and list takes, from the request sent to the last byte read, with 100,000 dispatches in the database and
 * while echo jobs are dispatched all the time. Prints a table and writes JSON to bench/results/.
 *
 *   deno run -A bench/pages.ts [dispatches] [samples]        (100000 and 60 unless given)
 *
 * The client's own HTTP (about 1 ms here) is included. The paths take turns, so that a slow spell meets all of them alike.
 */
import { openDatabase } from "../db/client.ts";
import { embeddedConnection } from "../tests/support/embedded_connection.ts";
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { seedHistory } from "./seed.ts";
import { formatTable, type Row, summarize } from "./statistics.ts";

const DISPATCHES = Number(Deno.args[0] ?? 100_000);
const SAMPLES = Number(Deno.args[1] ?? 60);
const AIM_MS = 30;
const WARM_UP = 5;
/** One dispatch a second: a day of that makes the 100,000. */
const DISPATCH_EVERY_MS = 1_000;
/** Between two requests: as many people look, not as one machine can ask. */
const LOOK_PAUSE_MS = 15;

await using greenroom = await Greenroom.start({ agents: ["echo", "throws"], env: { GREENROOM_LOG_LEVEL: "info" } });
await seed();
const stopping = new AbortController();
const counts = { dispatched: 0, lost: 0 };
const dispatching = keepDispatching(stopping.signal);
try {
  await measure();
} finally {
  stopping.abort();
  await dispatching;
}

async function seed(): Promise<void> {
  const source = await embeddedConnection(greenroom.dataDir);
  const database = openDatabase({ source, poolSize: 1, connectTimeoutMs: 10_000, statementTimeoutMs: 0 });
  const startedAtMs = performance.now();
  await seedHistory(database, DISPATCHES, new Date());
  await database.close();
  console.log(`${DISPATCHES} dispatches made in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}

async function measure(): Promise<void> {
  const done = await greenroom.dispatch({ agent: "throws", room: "bench-failed" }, "wait=done");
  const paths = await pathsOf((done.body.dispatch ?? done.body).id);
  const tookMs = new Map<string, number[]>(Object.keys(paths).map((what) => [what, []]));
  for (let sample = -WARM_UP; sample < SAMPLES; sample++) {
    for (const [what, path] of Object.entries(paths)) {
      const startedAtMs = performance.now();
      const response = await fetch(greenroom.url + path, {
        headers: { ...greenroom.authorization, accept: "text/html" },
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${path} answered ${response.status}`);
      if (sample >= 0) tookMs.get(what)?.push(performance.now() - startedAtMs);
      await pause(LOOK_PAUSE_MS);
    }
  }
  const rows = [...tookMs].map(([what, values]): Row => {
    const summary = summarize(values);
    return { what, summary, unit: "ms", aim: `p95 ≤ ${AIM_MS}`, isMet: summary.p95 <= AIM_MS };
  });
  console.log(`${DISPATCHES} dispatches; ${counts.dispatched} dispatched meanwhile, ${counts.lost} not ready`);
  console.log(formatTable(rows));
  await write(rows);
}

/** What is asked for, by name. */
async function pathsOf(failed: string): Promise<Record<string, string>> {
  const page = await greenroom.get("/api/v1/dispatches?limit=200");
  const q = (query: string) => `/jobs?q=${encodeURIComponent(query)}`;
  return {
    "overview": "/",
    "overview data": "/?as=data",
    "dispatch": "/dispatch",
    "jobs": "/jobs",
    "jobs, a deep page": `/jobs?cursor=${page.nextCursor}`,
    "jobs state:failed": q("state:failed"),
    "jobs state:running": q("state:running"),
    "jobs room:room-42": q("room:room-42"),
    "jobs agent:survey": q("agent:survey"),
    "jobs room:room-49*": q("room:room-49*"),
    "jobs meta.customer:77": q("meta.customer:77"),
    "jobs error:upstream": q("error:upstream"),
    "jobs error that no one had": q("error:nosucherror"),
    "jobs word that no room has": q("nosuchroom"),
    "jobs state:expired since:1h": q("state:expired since:1h"),
    "one dispatch": `/dispatches/${page.items.at(-1).id}`,
    "one failed dispatch": `/dispatches/${failed}`,
    "workers": "/workers",
    "recover 1h": "/recover?since=1h",
    "recover 24h": "/recover?since=24h",
    "recover 7d": "/recover?since=7d",
    "operations": "/operations",
    "charts 1h": "/charts?range=1h",
    "charts 24h": "/charts?range=24h",
    "charts 7d": "/charts?range=7d",
    "api dispatches": "/api/v1/dispatches",
    "api dispatches agent, failed": "/api/v1/dispatches?agent=echo&state=failed",
    "api jobs": "/api/v1/jobs",
    "api jobs room": "/api/v1/jobs?room=room-42",
    "api overview": "/api/v1/overview",
    "api agents": "/api/v1/agents",
    "api instances": "/api/v1/instances",
    "api metrics-history": "/api/v1/metrics-history?metrics=active_jobs,max_jobs,dispatch_ready_ms",
  };
}

/** One echo job after another, for as long as pages are measured. */
async function keepDispatching(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedAtMs = performance.now();
    const { status, body } = await greenroom.dispatch({ agent: "echo", room: `bench-${counts.dispatched}` });
    counts.dispatched += 1;
    if (status !== 201) counts.lost += 1;
    else await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    await pause(Math.max(0, DISPATCH_EVERY_MS - (performance.now() - startedAtMs)));
  }
  await eventually(async () => (await greenroom.get("/api/v1/overview")).slots.used === 0, { what: "all jobs ended" });
}

async function write(rows: Row[]): Promise<void> {
  const folder = new URL("./results/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const file = new URL(`pages-${new Date().toISOString().replaceAll(":", "-")}.json`, folder);
  const report = { at: new Date(), cores: navigator.hardwareConcurrency, dispatches: DISPATCHES, ...counts, rows };
  await Deno.writeTextFile(file, JSON.stringify(report, null, 2));
  console.log(`written to ${file.pathname}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
