/** How soon jobs start: warm, cold, and many at once. */
import { percentile, type Row, summarize } from "../statistics.ts";
import { type Bed, end, type Measured, stageMs, start, type Started } from "./bed.ts";

const BURST_ROUNDS = 3;
const BURSTS = [{ size: 10, aimMs: 800 }, { size: 25, aimMs: 2_000 }];

/** @param what begins the lines; `aimMs` is for the median from request to entry. */
export async function measureStarts(
  bed: Bed,
  { what, agent, placement, aimMs, samples }: {
    what: string;
    agent: string;
    placement?: "livekit";
    aimMs?: number;
    samples: number;
  },
): Promise<Measured> {
  const body = { agent, ...(placement && { placement }) };
  await end(bed, [await start(bed, body)]); // the first request of a process warms its code paths
  const entered: number[] = [];
  const ready: number[] = [];
  for (let i = 0; i < samples; i++) {
    const started = await start(bed, body);
    entered.push(stageMs(started, "enteredAt"));
    ready.push(stageMs(started, "readyAt"));
    await end(bed, [started]);
  }
  const aim = aimMs === undefined ? {} : { aim: `p50 ≤ ${aimMs}`, isMet: percentile(entered, 0.5) <= aimMs };
  const rows: Row[] = [
    { what: `${what}: request → entry`, summary: summarize(entered), unit: "ms", ...aim },
    { what: `${what}: request → ready`, summary: summarize(ready), unit: "ms" },
  ];
  return { rows, raw: { [what]: { entered, ready } } };
}

/** All requests at once; how long until the last job is ready. One that does not get ready is an error. */
export async function measureBursts(bed: Bed): Promise<Measured> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const { size, aimMs } of BURSTS) {
    const lastReady: number[] = [];
    for (let round = 0; round < BURST_ROUNDS; round++) {
      const batch = Array.from({ length: size }, () => start(bed, { agent: "echo" }, "wait=ready&waitMs=60000"));
      const started: Started[] = await Promise.all(batch);
      lastReady.push(Math.max(...started.map((one) => stageMs(one, "readyAt"))));
      await end(bed, started);
    }
    const what = `burst of ${size} on 2 warm, ${bed.spareProcesses} spare: last one ready`;
    const summary = summarize(lastReady);
    rows.push({ what, summary, unit: "ms", aim: `≤ ${aimMs}`, isMet: summary.max <= aimMs });
    raw[what] = lastReady;
  }
  return { rows, raw };
}
