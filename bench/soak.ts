/**
 * Many jobs on the real program and a real LiveKit server: one after another, in bursts, and placed by LiveKit. Nothing may
 * be lost, left behind or kept: each job is recorded as succeeded, processes and descriptors are those from before, the
 * control plane's heap after forced collections does not grow, and LiveKit notes SUCCESS for each clean end.
 *
 *   deno task bench:soak [jobs] [burst jobs]        (1,000 and 200 unless given)
 */
import { findFreeTcpPort } from "../core/livekit/free_ports.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../tests/support/livekit.ts";
import { eventually } from "../tests/support/eventually.ts";
import { settled } from "./runtime/bed.ts";
import { type Footprint, footprintOf, isNoMore } from "./runtime/footprint.ts";
import { Inspector, inspectorEnv, slopeOf } from "./runtime/inspector.ts";
import { formatTable, type Row, summarize, writeResults } from "./statistics.ts";

const JOBS = Number(Deno.args[0] ?? 1_000);
const BURST_JOBS = Number(Deno.args[1] ?? 200);
const BURST_SIZE = 50;
const NOTED_JOBS = Math.min(100, Math.ceil(JOBS / 10));
const NOTED_BATCH = 5;
/** As many as fill the bounded histories of live updates (HISTORY_LIMITS): the heap grows by those until they are full. */
const WARM_UP_JOBS = Math.min(700, JOBS);
const WARM_UP_BATCH = 5;
/** Of the jobs one after another. */
const REGRESSION_SHARE = 0.8;
const MAX_BYTES_PER_JOB = 1_024;
const HEAP_SAMPLES = 100;
const SPARE_PROCESSES = 2;
/** Idle HTTP connections are kept for about 90 s. */
const IDLE_LIMIT_MS = 150_000;
const WAIT_DONE = "wait=done&waitMs=120000";

interface Outcome {
  room: string;
  state: string;
  elapsedMs: number;
  livekitJobId: string | null;
}

const livekit = await startTestLivekit();
const inspectorPort = findFreeTcpPort();
const greenroom = await Greenroom.start({
  livekit,
  env: {
    GREENROOM_AGENTS_DIR: new URL("./runtime/soak_agents", import.meta.url).pathname,
    GREENROOM_LOG_LEVEL: "info",
    // Warm slots grow with demand and stay for minutes, which would look like processes left behind.
    GREENROOM_MAX_WARM_SLOTS: "2",
    GREENROOM_SPARE_PROCESSES: String(SPARE_PROCESSES),
    ...inspectorEnv(inspectorPort),
  },
});
try {
  using inspector = await Inspector.connect(inspectorPort);
  await run(inspector);
} finally {
  await greenroom.stop();
  await livekit.stop();
}

async function run(inspector: Inspector): Promise<void> {
  const warmUp: Outcome[] = [];
  console.error(`${WARM_UP_JOBS} jobs to warm up …`);
  while (warmUp.length < WARM_UP_JOBS) {
    const rooms = Array.from({ length: WARM_UP_BATCH }, (_, i) => `warm-up-${warmUp.length + i}`);
    warmUp.push(...await Promise.all(rooms.map((room) => runJob(room))));
  }
  const before = await restingFootprint();
  const startedAtMs = performance.now();
  console.error(`${JOBS} jobs one after another …`);
  const { outcomes, heap } = await oneAfterAnother(inspector);
  console.error(`${BURST_JOBS} jobs in bursts of ${BURST_SIZE} …`);
  const bursts = await inBursts();
  const { placed, noted } = await placedByLivekit(livekit);
  const ranMs = performance.now() - startedAtMs;
  console.error("waiting for processes and descriptors to be those from before …");
  const after = await footprintLater(before);
  const all = [...warmUp, ...outcomes, ...bursts, ...placed];
  const lost = all.filter(({ state }) => state !== "succeeded");
  const regression = heap.filter(({ x }) => x > JOBS * (1 - REGRESSION_SHARE));
  const slope = slopeOf(regression);
  console.log(formatTable([
    ...["jobs one after another", "jobs in bursts", "jobs placed by LiveKit"].map((what, i) => ({
      what: `${what}: request → done`,
      summary: summarize([outcomes, bursts, placed][i]!.map(({ elapsedMs }) => elapsedMs)),
      unit: "ms",
    })),
    figure(`jobs not recorded as succeeded, of ${all.length}`, lost.length, "jobs", 0),
    figure(`clean ends not noted as SUCCESS by LiveKit, of ${placed.length}`, placed.length - noted, "jobs", 0),
    figure(
      `heap after forced collection, jobs ${regression[0]?.x} to ${JOBS}`,
      slope,
      "bytes per job",
      MAX_BYTES_PER_JOB,
    ),
    ...(Object.keys(before) as (keyof Footprint)[]).map((key) =>
      figure(`${key}, ${before[key]} before, more after`, after[key] - before[key], "more", 0)
    ),
  ]));
  console.log(`heap ${megabytes(heap[0]?.y)} after the first and ${megabytes(heap.at(-1)?.y)} after the last job`);
  console.log(`ran for ${Math.round(ranMs / 1_000)} s`);
  for (const { room, state } of lost.slice(0, 20)) console.log(`lost: ${room} is ${state}`);
  await writeResults("soak", { before, after, slope, heap, lost, outcomes, bursts, placed, noted, ranMs });
}

async function oneAfterAnother(inspector: Inspector) {
  const every = Math.max(1, Math.floor(JOBS / HEAP_SAMPLES));
  const outcomes: Outcome[] = [];
  const heap: { x: number; y: number }[] = [];
  for (let i = 1; i <= JOBS; i++) {
    outcomes.push(await runJob(`soak-${i}`));
    if (i % every !== 0) continue;
    await greenroom.allSlotsFree();
    heap.push({ x: i, y: await inspector.heapAfterCollection() });
  }
  return { outcomes, heap };
}

/** Each burst is larger than the 20 jobs that run at once: the rest waits in the queue. */
async function inBursts(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < BURST_JOBS) {
    const size = Math.min(BURST_SIZE, BURST_JOBS - outcomes.length);
    const rooms = Array.from({ length: size }, (_, i) => `burst-${outcomes.length + i}`);
    outcomes.push(...await Promise.all(rooms.map((room) => runJob(room))));
  }
  return outcomes;
}

/** LiveKit writes a line with the status for each job that it had placed. */
async function placedByLivekit({ lines }: TestLivekit): Promise<{ placed: Outcome[]; noted: number }> {
  const placed: Outcome[] = [];
  while (placed.length < NOTED_JOBS) {
    const rooms = Array.from(
      { length: Math.min(NOTED_BATCH, NOTED_JOBS - placed.length) },
      (_, i) => `noted-${placed.length + i}`,
    );
    placed.push(...await Promise.all(rooms.map((room) => runJob(room, { placement: "livekit" }))));
  }
  const ids = new Set(placed.map(({ livekitJobId }) => livekitJobId));
  const ends = () =>
    lines.filter((line) => line.includes('"msg":"job ended"')).map((line) => JSON.parse(line))
      .filter(({ jobID }) => ids.has(jobID));
  await eventually(() => ends().length >= placed.length, { withinMs: 30_000 }).catch(() => {/* counted below */});
  return {
    placed,
    noted: new Set(ends().filter(({ status }) => status === "JS_SUCCESS").map(({ jobID }) => jobID)).size,
  };
}

/** To its recorded end. */
async function runJob(room: string, more: Record<string, unknown> = {}): Promise<Outcome> {
  const startedAtMs = performance.now();
  const { body } = await greenroom.dispatch({ agent: "leaves", room, ...more }, WAIT_DONE);
  const elapsedMs = performance.now() - startedAtMs;
  const { state, jobs } = body.dispatch ?? body;
  return { room, state: state ?? JSON.stringify(body), elapsedMs, livekitJobId: jobs?.[0]?.livekitJobId ?? null };
}

/** With all slots free and refilled, and twice in a row the same: what is open for a moment only is not held. */
async function restingFootprint(): Promise<Footprint> {
  await settled({ livekit, greenroom, spareProcesses: SPARE_PROCESSES });
  let last = "";
  return await eventually(async () => {
    const footprint = await footprintOf(greenroom.pid, apiPort());
    const isSame = last === JSON.stringify(footprint);
    last = JSON.stringify(footprint);
    return isSame ? footprint : null;
  }, { withinMs: IDLE_LIMIT_MS, everyMs: 3_000, what: "a steady footprint" });
}

/** As soon as no more is held than before; else what is held at last. */
async function footprintLater(before: Footprint): Promise<Footprint> {
  await settled({ livekit, greenroom, spareProcesses: SPARE_PROCESSES });
  let last = before;
  const isBack = async () => isNoMore(last = await footprintOf(greenroom.pid, apiPort()), before);
  await eventually(isBack, { withinMs: IDLE_LIMIT_MS, everyMs: 1_000 }).catch(() => {/* shown as more than before */});
  return last;
}

function apiPort(): number {
  return Number(new URL(greenroom.url).port);
}

function figure(what: string, value: number, unit: string, most: number): Row {
  return { what, summary: summarize([value]), unit, aim: `≤ ${most}`, isMet: value <= most };
}

function megabytes(bytes = NaN): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
