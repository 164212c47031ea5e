/**
 * How long a room is without its agent after a loss: from the kill to the next attempt's ready, on the real program and a
 * real LiveKit server.
 *   deno run -A bench/recovery.ts [runs] [job,instance,restart]
 *
 * - job: the job's process is killed, two warm slots (aim p95 400 ms).
 * - instance: the instance's process is killed, another one of the fleet is up (aim p95 3 s).
 * - restart: the only instance is killed and started again at once (aim p95 8 s).
 */
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom, makeDataDir } from "../tests/support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../tests/support/livekit.ts";
import { startPostgresByUrl } from "../tests/support/postgres_url.ts";
import { percentile, writeResults } from "./statistics.ts";

const runs = Number(Deno.args[0] ?? 20);
const wanted = (Deno.args[1] ?? "job,instance,restart").split(",");
const AIM_MS: Record<string, number> = { job: 400, instance: 3_000, restart: 8_000 };
/** An instance judges others only when it has been connected for a whole lease. */
const LEASE_MS = 8_500;
const BETWEEN_MS = 500;
const LIMIT_MS = 60_000;

const cases: Record<string, (livekit: TestLivekit) => Promise<number[]>> = {
  job: jobKilled,
  instance: instanceKilled,
  restart: onlyInstanceRestarted,
};

const livekit = await startTestLivekit();
try {
  const results: Record<string, Record<string, number>> = {};
  for (const name of wanted) {
    const samples = (await cases[name]?.(livekit) ?? []).toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(percentile(samples, share));
    results[name] = {
      runs: samples.length,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      maxMs: at(1),
      aimP95Ms: AIM_MS[name] ?? 0,
    };
  }
  console.table(results);
  await writeResults("recovery", { runs, results });
} finally {
  await livekit.stop();
}

async function jobKilled(livekit: TestLivekit): Promise<number[]> {
  await using greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit,
    env: { GREENROOM_BREAKER_THRESHOLD: "0" },
  });
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    const job = await serve(greenroom, `job-${run}`);
    await pause(BETWEEN_MS); // the slots refill
    const killedAtMs = Date.now();
    Deno.kill(job.pid, "SIGKILL");
    samples.push(await readyAgain(greenroom, job.dispatchId) - killedAtMs);
    await end(greenroom, job.dispatchId);
  }
  return samples;
}

async function instanceKilled(livekit: TestLivekit): Promise<number[]> {
  await using postgres = await startPostgresByUrl();
  const settings = { agents: ["echo"], livekit, env: { DATABASE_URL: postgres.url } };
  await using survivor = await Greenroom.start(settings);
  const startedAtMs = Date.now();
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    const victim = await Greenroom.start(settings);
    const { dispatchId } = await serve(victim, `instance-${run}`);
    await pause(Math.max(BETWEEN_MS, LEASE_MS - (Date.now() - startedAtMs)));
    const killedAtMs = Date.now();
    await victim.kill();
    samples.push(await readyAgain(survivor, dispatchId) - killedAtMs);
    await end(survivor, dispatchId);
  }
  return samples;
}

async function onlyInstanceRestarted(livekit: TestLivekit): Promise<number[]> {
  const dataDir = await makeDataDir();
  const settings = { agents: ["echo"], livekit, dataDir };
  const samples: number[] = [];
  let greenroom = await Greenroom.start(settings);
  try {
    for (let run = 0; run < runs; run++) {
      const { dispatchId } = await serve(greenroom, `restart-${run}`);
      const killedAtMs = Date.now();
      await greenroom.kill();
      greenroom = await Greenroom.start(settings);
      samples.push(await readyAgain(greenroom, dispatchId) - killedAtMs);
      await end(greenroom, dispatchId);
    }
  } finally {
    await greenroom.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
  return samples;
}

async function serve(greenroom: Greenroom, room: string): Promise<{ dispatchId: string; pid: number }> {
  const { status, body } = await greenroom.dispatch({ agent: "echo", room }, "wait=ready&waitMs=30000");
  if (status !== 201) throw new Error(`Cannot begin a run: ${JSON.stringify(body)}`);
  return { dispatchId: body.id, pid: body.jobs[0].pid };
}

/** When the second attempt was ready, by its instance's clock. */
async function readyAgain(greenroom: Greenroom, dispatchId: string): Promise<number> {
  const job = await eventually(async () => {
    const { jobs } = await greenroom.get(`/api/v1/dispatches/${dispatchId}`);
    return jobs.find((each: { attempt: number; stages: { readyAt: string | null } }) =>
      each.attempt === 2 && each.stages.readyAt !== null
    );
  }, { withinMs: LIMIT_MS, what: `the second attempt of ${dispatchId}` });
  return Date.parse(job.stages.readyAt);
}

async function end(greenroom: Greenroom, dispatchId: string): Promise<void> {
  await greenroom.call("DELETE", `/api/v1/dispatches/${dispatchId}`);
  await greenroom.dispatchIn(["cancelled"], dispatchId);
  await greenroom.allSlotsFree();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
