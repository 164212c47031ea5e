/** How soon a job that is gone or stuck is noticed, and what another job's listener hears of a misbehaving one. */
import { percentile, type Row, summarize } from "../statistics.ts";
import { type Bed, end, ended, type Measured, pause, settled, start } from "./bed.ts";

const MAX_SEEN_MS = 100;
const MAX_STUCK_MS = 6_000;
const MAX_GAP_MS = 60;
const GAP_ROUNDS = 3;
const TONE_HZ = 440;
/** As long as a busy loop is let live, about. */
const QUIET_MS = 6_000;

/** Of an echo job's process: to the stamp of its end, and to a failed job that REST shows. */
export async function measureKill(bed: Bed, samples: number): Promise<Measured> {
  const seen: number[] = [];
  const shown: number[] = [];
  for (let i = 0; i < samples; i++) {
    const { id, pid } = await start(bed, { agent: "echo" });
    const killedAtMs = performance.timeOrigin + performance.now();
    Deno.kill(pid, "SIGKILL");
    const { jobs: [job] } = await ended(bed, id, 30_000);
    shown.push(performance.timeOrigin + performance.now() - killedAtMs);
    if (job.failure?.kind !== "signal") throw new Error(`A killed job was noted as ${JSON.stringify(job.failure)}`);
    seen.push(Date.parse(job.stages.endedAt) + 0.5 - killedAtMs);
    await settled(bed);
  }
  const rows: Row[] = [
    {
      what: "kill -9 of a job's process → its end stamped",
      summary: summarize(seen),
      unit: "ms",
      aim: `p95 ≤ ${MAX_SEEN_MS}`,
      isMet: percentile(seen, 0.95) <= MAX_SEEN_MS,
    },
    { what: "kill -9 of a job's process → recorded, shown by REST", summary: summarize(shown), unit: "ms" },
  ];
  return { rows, raw: { kill: { seen, shown } } };
}

/**
 * A busy loop from its entry to its end, while somebody listens to an echo in another process; and the same listener with
 * nothing beside, since gaps come from the machine too.
 */
export async function measureStuck(bed: Bed): Promise<Measured> {
  const healthy = await start(bed, { agent: "echo" });
  await using listener = await bed.greenroom.human(healthy.room);
  await listener.playTone(TONE_HZ);
  const alone: number[] = [];
  const beside: number[] = [];
  const killed: number[] = [];
  for (let round = 0; round < GAP_ROUNDS; round++) {
    await listener.hearsTone(TONE_HZ);
    await pause(QUIET_MS);
    alone.push((await listener.toneReport()).largestGapMs);
    await listener.hearsTone(TONE_HZ);
    const { id } = await start(bed, { agent: "spins" }, "wait=accepted");
    const { jobs: [job] } = await ended(bed, id, 60_000);
    beside.push((await listener.toneReport()).largestGapMs);
    if (job.failure?.kind !== "unresponsive") {
      throw new Error(`A stuck job was noted as ${JSON.stringify(job.failure)}`);
    }
    killed.push(Date.parse(job.stages.endedAt) - Date.parse(job.stages.enteredAt));
  }
  await listener.leave();
  await end(bed, [healthy]);
  const [gaps, stuck] = [summarize(beside), summarize(killed)];
  const rows: Row[] = [
    {
      what: "busy loop: entry → killed and stamped",
      summary: stuck,
      unit: "ms",
      aim: `≤ ${MAX_STUCK_MS}`,
      isMet: stuck.max <= MAX_STUCK_MS,
    },
    {
      what: "largest gap in a healthy echo beside a busy loop",
      summary: gaps,
      unit: "ms",
      aim: `≤ ${MAX_GAP_MS}`,
      isMet: gaps.max <= MAX_GAP_MS,
    },
    { what: "the same with nothing beside", summary: summarize(alone), unit: "ms" },
  ];
  return { rows, raw: { stuck: { killed, beside, alone } } };
}
