/**
 * agents-js with explicit dispatch, measured as Greenroom is: from CreateDispatch being sent to its agent's connect having
 * resolved in the job's process (which Greenroom's own stamp follows by one message). Every wait has a limit; what runs
 * into it is told in a note, not as a figure.
 */
import type { TestLivekit } from "../../tests/support/livekit.ts";
import { eventually } from "../../tests/support/eventually.ts";
import { type Row, summarize } from "../statistics.ts";
import { AgentsJsWorker, installAgentsJs, PEER_AGENT, type PeerJob } from "./agents_js_worker.ts";
import { nextRoom, pause } from "./bed.ts";
import { cpuPercent, HELD_JOBS, megabytes } from "./held.ts";

const START_LIMIT_MS = 120_000;
const NOTICE_LIMIT_MS = 15_000;
const BURSTS = [10, 25];
const IDLE_MS = 10_000;

export interface PeerMeasured {
  /** Why nothing was measured. */
  skipped: string | null;
  rows: Row[];
  notes: string[];
}

interface Run {
  rows: Row[];
  notes: string[];
  livekit: TestLivekit;
  worker: AgentsJsWorker;
}

export async function measureAgentsJs(livekit: TestLivekit, samples: number): Promise<PeerMeasured> {
  const installed = await installAgentsJs();
  if ("skipped" in installed) return { skipped: installed.skipped, rows: [], notes: [] };
  try {
    return await measureInstalled(installed.folder, livekit, samples);
  } catch (error) {
    return { skipped: `skipped: ${error instanceof Error ? error.message : error}`, rows: [], notes: [] };
  } finally {
    await Deno.remove(installed.folder, { recursive: true });
  }
}

/** Each part has a worker of its own, so that one which is left in disorder does not spoil the next. */
async function measureInstalled(folder: string, livekit: TestLivekit, samples: number): Promise<PeerMeasured> {
  const [rows, notes]: [Row[], string[]] = [[], []];
  for (const [what, part] of Object.entries({ starts: starts(samples), bursts, held, kill })) {
    console.error(`measuring agents-js: ${what} …`);
    const worker = await AgentsJsWorker.start(folder, livekit);
    try {
      await part({ rows, notes, livekit, worker });
    } catch (error) {
      notes.push(`not measured to its end: ${what}: ${error instanceof Error ? error.message : error}`);
    } finally {
      await worker.stop();
    }
  }
  return { skipped: null, rows, notes };
}

function starts(samples: number): (run: Run) => Promise<void> {
  return async (run) => {
    const readyMs: number[] = [];
    await endAll(run, [(await start(run)).job]);
    for (let i = 0; i < samples; i++) {
      const { job, sentAtMs } = await start(run);
      readyMs.push(job.readyAt - sentAtMs);
      await endAll(run, [job]);
    }
    run.rows.push({ what: "2 idle processes: CreateDispatch → ready", summary: summarize(readyMs), unit: "ms" });
  };
}

async function bursts(run: Run): Promise<void> {
  for (const size of BURSTS) {
    const started = await Promise.allSettled(Array.from({ length: size }, () => start(run)));
    const ready = started.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    const lost = size - ready.length;
    if (lost > 0) run.notes.push(`burst of ${size}: ${lost} not ready within ${START_LIMIT_MS} ms`);
    const lastMs = Math.max(...ready.map(({ job, sentAtMs }) => job.readyAt - sentAtMs));
    run.rows.push({
      what: `burst of ${size} on 2 idle: last of ${ready.length} ready`,
      summary: summarize([lastMs]),
      unit: "ms",
    });
    await endAll(run, ready.map(({ job }) => job));
  }
}

async function held(run: Run): Promise<void> {
  const totalMb = async (jobs: number) => {
    await run.worker.settled(jobs);
    await pause(IDLE_MS);
    return megabytes((await run.worker.memory()).reduce((sum, { bytes }) => sum + bytes, 0));
  };
  const jobs: PeerJob[] = [(await start(run)).job];
  const one = await totalMb(1);
  while (jobs.length < HELD_JOBS) jobs.push((await start(run)).job);
  const furtherMb = (await totalMb(HELD_JOBS) - one) / (HELD_JOBS - 1);
  const cpu = await cpuPercent(jobs.map(({ pid }) => pid));
  await endAll(run, jobs);
  run.rows.push(
    { what: `each further of ${HELD_JOBS} held jobs`, summary: summarize([furtherMb]), unit: "MB PSS" },
    { what: `CPU of the ${HELD_JOBS} held jobs' processes`, summary: summarize([cpu]), unit: "% of a core" },
  );
}

/** Noticed = the worker counts one job less; what LiveKit's server knows of it then is told in a note. */
async function kill(run: Run): Promise<void> {
  const { job, dispatchId } = await start(run);
  await eventually(async () => await run.worker.activeJobs() === 1, { what: "the job is counted" });
  const killedAtMs = performance.now();
  Deno.kill(job.pid, "SIGKILL");
  try {
    await eventually(async () => await run.worker.activeJobs() === 0, { withinMs: NOTICE_LIMIT_MS, everyMs: 5 });
    const noticedMs = performance.now() - killedAtMs;
    run.rows.push({ what: "kill -9 of a job → one job less", summary: summarize([noticedMs]), unit: "ms" });
  } catch {
    run.notes.push(`kill -9 of a job: the worker still counts it after ${NOTICE_LIMIT_MS} ms`);
  }
  const [state] = (await run.livekit.api.getDispatch(job.room, dispatchId)).state?.jobs ?? [];
  const status = state?.state?.status;
  const told = status === undefined ? "its dispatch lists no job" : status === 1 ? "its job counts as running" : status;
  run.notes.push(`kill -9 of a job, as LiveKit has it afterwards: ${told}`);
}

async function start({ livekit, worker }: Run): Promise<{ job: PeerJob; sentAtMs: number; dispatchId: string }> {
  const room = nextRoom();
  const sentAtMs = performance.timeOrigin + performance.now();
  const { id } = await livekit.api.createDispatch({ agentName: PEER_AGENT, room });
  return { job: await worker.ready(room, START_LIMIT_MS), sentAtMs, dispatchId: id };
}

/** Their rooms are deleted; jobs end by that. */
async function endAll({ livekit, worker }: Run, jobs: readonly PeerJob[]): Promise<void> {
  for (const { room } of jobs) await livekit.api.deleteRoom(room);
  await worker.settled(0);
}
