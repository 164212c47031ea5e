/**
 * How many lifecycle changes a second are recorded, with their history, and how long each waits (budget: 5,000 transitions
 * a second, p99 20 ms, on 2 cores); beside one statement per change, in the same run.
 *   deno run -A bench/transitions.ts [jobs] [concurrent jobs]
 *
 * A job's life is four changes (entered, connected, ready, ended). Two of them are transitions of the job, two of its
 * dispatch: six rows change, four rows of history are written. Postgres runs as it does in production: fsync on.
 */
import { LifecycleWriter } from "../core/coordination/lifecycle_writer.ts";
import { Spool } from "../core/coordination/spool.ts";
import type { SpooledChange } from "../core/coordination/spooled_change.ts";
import { openDataDir } from "../core/lifecycle/data_dir.ts";
import { silentLogger } from "../core/lifecycle/logger.ts";
import { type Database, openDatabase } from "../db/client.ts";
import { EmbeddedPostgres } from "../db/embedded.ts";
import { applyJobChanges, type JobChange } from "../db/job_changes.ts";
import type { JobKey } from "../db/jobs.ts";
import { migrateDatabase } from "../db/migrate.ts";
import { placeJobs } from "../tests/support/placed_jobs.ts";
import { percentile, writeResults } from "./statistics.ts";

const TRANSITIONS_PER_LIFE = 4;
const CHANGES_PER_LIFE = 4;
const wanted = Number(Deno.args[0] ?? 5_000);
const concurrent = Number(Deno.args[1] ?? 200);

interface Measured {
  transitionsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  commitsPerLife: number;
  walBytesPerLife: number;
  hotRatio: number;
}

const folder = await Deno.makeTempDir({ prefix: "greenroom-bench-" });
const dataDir = await openDataDir(`${folder}/data`);
const server = new EmbeddedPostgres({ dataDir, logger: silentLogger });
try {
  await server.start(new AbortController().signal);
  const limits = { poolSize: 10, connectTimeoutMs: 5_000, statementTimeoutMs: 15_000 };
  const database = openDatabase({ source: server.connection, ...limits });
  await migrateDatabase(database, silentLogger);
  await database.warm();
  const spool = await Spool.open<SpooledChange>({ path: `${folder}/spool`, maxBytes: 1e6, logger: silentLogger });
  const writer = new LifecycleWriter({ database, spool, timeoutMs: 5_000, logger: silentLogger });
  await measure(database, 200, (change) => writer.write(change)); // warms both up
  const baseline = await measure(database, Math.ceil(wanted / 5), (change) => applyJobChanges(database, [change]));
  const grouped = await measure(database, wanted, (change) => writer.write(change));
  console.table({ "one statement per change": baseline, "lifecycle writer": grouped });
  await writeResults("transitions", { jobs: wanted, concurrent, baseline, grouped });
  await spool.close();
  await database.close();
} finally {
  await server.stop();
  dataDir.close();
  await Deno.remove(folder, { recursive: true });
}

async function measure(
  database: Database,
  jobs: number,
  write: (change: JobChange) => Promise<unknown>,
): Promise<Measured> {
  const keys: JobKey[] = [];
  while (keys.length < jobs) keys.push(...await placeJobs(database, Math.min(100, jobs - keys.length)));
  const before = await counters(database);
  const waitsMs: number[] = [];
  const startedAtMs = performance.now();
  const lane = async () => {
    for (let key = keys.pop(); key; key = keys.pop()) {
      for (const change of lifeOf(key)) {
        const askedAtMs = performance.now();
        await write(change);
        waitsMs.push(performance.now() - askedAtMs);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrent }, lane));
  const tookS = (performance.now() - startedAtMs) / 1_000;
  const after = await counters(database);
  return {
    transitionsPerSecond: Math.round(jobs * TRANSITIONS_PER_LIFE / tookS),
    p50Ms: round(percentile(waitsMs, 0.5)),
    p99Ms: round(percentile(waitsMs, 0.99)),
    commitsPerLife: round((after.commits - before.commits) / jobs),
    walBytesPerLife: Math.round((after.wal - before.wal) / jobs),
    hotRatio: round((after.hot - before.hot) / Math.max(1, after.updates - before.updates)),
  };
}

function lifeOf(job: JobKey): JobChange[] {
  const startedAtMs = Date.now();
  const common = (n: number) => ({
    ...{ job, changeId: crypto.randomUUID(), actor: "bench", cause: "bench" },
    at: new Date(startedAtMs + n),
  });
  const end = { state: "succeeded", endReason: "entry_returned", failure: null, flags: [] } as const;
  const changes: JobChange[] = [
    { ...common(0), kind: "entered", pid: 42 },
    { ...common(1), kind: "connected" },
    { ...common(2), kind: "ready" },
    { ...common(3), kind: "ended", end: { ...end, resources: null, humanSeenAt: null }, next: { kind: "final" } },
  ];
  if (changes.length !== CHANGES_PER_LIFE) throw new Error("a life has another number of changes");
  return changes;
}

async function counters(database: Database) {
  await database.sql`select pg_stat_force_next_flush()`;
  const [found] = await database.sql<{ commits: string; wal: string; hot: string; updates: string }[]>`
    select (select xact_commit from pg_stat_database where datname = current_database())::text as commits,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as wal,
      (select sum(n_tup_hot_upd) from pg_stat_user_tables where relname in ('jobs', 'dispatches'))::text as hot,
      (select sum(n_tup_upd) from pg_stat_user_tables where relname in ('jobs', 'dispatches'))::text as updates`;
  const { commits, wal, hot, updates } = found ?? { commits: 0, wal: 0, hot: 0, updates: 0 };
  return { commits: Number(commits), wal: Number(wal), hot: Number(hot), updates: Number(updates) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
