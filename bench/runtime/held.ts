/** What jobs cost while they only stay in their rooms: memory as summed PSS of the whole program, CPU of their processes. */
import { eventually } from "../../tests/support/eventually.ts";
import { readProcessStat } from "../../core/runtime/process_stat.ts";
import { memoryOfTree } from "../memory.ts";
import { type Row, summarize } from "../statistics.ts";
import { type Bed, end, isRefilled, type Measured, pause, start, type Started } from "./bed.ts";

export const HELD_JOBS = 25;
const MAX_CPU_PERCENT = 3;
const CPU_WINDOW_MS = 20_000;
/** Memory is read when start-up garbage is gone. */
const IDLE_MS = 10_000;

/** Per warm slot: the mean of the processes that hold one, as the program's own process tree shows them. */
export async function measureWarmSlots(bed: Bed): Promise<Measured> {
  await pause(IDLE_MS);
  const { items } = await bed.greenroom.get("/api/v1/agents");
  const warm = items.reduce((sum: number, { slots }: { slots: { warm: number } }) => sum + slots.warm, 0);
  const tree = await memoryOfTree(bed.greenroom.pid);
  const slots = tree.filter(({ command }) => command.includes("slot_child.ts")).map(({ bytes }) => megabytes(bytes));
  const meanMb = slots.reduce((sum, value) => sum + value, 0) / slots.length;
  const totalMb = megabytes(tree.reduce((sum, { bytes }) => sum + bytes, 0));
  const rows: Row[] = [
    {
      what: `warm slots and spare processes (${warm} and ${bed.spareProcesses}), mean ${meanMb.toFixed(1)}`,
      summary: summarize(slots),
      unit: "MB PSS",
      aim: "mean ≤ 50",
      isMet: meanMb <= 50,
    },
    { what: "the whole program, idle, 4 agents hosted", summary: summarize([totalMb]), unit: "MB PSS" },
  ];
  return { rows, raw: { warmSlots: { slots, totalMb } } };
}

/** No slots are warm for `agent` and none spare, so each difference is that of held jobs alone. */
export async function measureHeld(bed: Bed, what: string, agent: string, maxMb: number): Promise<Measured> {
  const held: Started[] = [];
  const hold = async () => void held.push(await start(bed, { agent }, "wait=ready&waitMs=60000"));
  try {
    await hold();
    const one = await totalMbWhenIdle(bed);
    while (held.length < HELD_JOBS) await hold();
    const all = await totalMbWhenIdle(bed);
    const pids = [...new Set(held.map(({ pid }) => pid))];
    const [cpu, controlPlane] = await Promise.all([cpuPercent(pids), cpuPercent([bed.greenroom.pid])]);
    const furtherMb = (all - one) / (HELD_JOBS - 1);
    const found = { furtherMb, processes: pids.length, cpu, controlPlane };
    return { rows: rowsOf(what, found, maxMb), raw: { [what]: { one, all, ...found } } };
  } finally {
    await end(bed, held);
  }
}

function rowsOf(
  what: string,
  { furtherMb, processes, cpu, controlPlane }: {
    furtherMb: number;
    processes: number;
    cpu: number;
    controlPlane: number;
  },
  maxMb: number,
): Row[] {
  return [
    {
      what: `${what}: each further of ${HELD_JOBS} held jobs (${processes} processes)`,
      summary: summarize([furtherMb]),
      unit: "MB PSS",
      aim: `≤ ${maxMb}`,
      isMet: furtherMb <= maxMb,
    },
    {
      what: `${what}: CPU of the ${HELD_JOBS} held jobs' processes`,
      summary: summarize([cpu]),
      unit: "% of a core",
      aim: `≤ ${MAX_CPU_PERCENT}`,
      isMet: cpu <= MAX_CPU_PERCENT,
    },
    { what: `${what}: CPU of the control plane meanwhile`, summary: summarize([controlPlane]), unit: "% of a core" },
  ];
}

async function totalMbWhenIdle(bed: Bed): Promise<number> {
  await eventually(() => isRefilled(bed), { withinMs: 60_000, what: "refilled slots" });
  await pause(IDLE_MS);
  return megabytes((await memoryOfTree(bed.greenroom.pid)).reduce((sum, { bytes }) => sum + bytes, 0));
}

/** CPU time of these processes, by the kernel's ticks of 10 ms. */
export async function cpuPercent(pids: readonly number[]): Promise<number> {
  const read = () => pids.reduce((sum, pid) => sum + (readProcessStat(pid)?.cpuMs ?? NaN), 0);
  const [beforeMs, startedAtMs] = [read(), performance.now()];
  await pause(CPU_WINDOW_MS);
  return (read() - beforeMs) / (performance.now() - startedAtMs) * 100;
}

export function megabytes(bytes: number): number {
  return bytes / 1_048_576;
}
