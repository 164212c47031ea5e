/** Looks at the processes of this machine (Linux), for tests of what a program leaves behind. */
import { processesOf } from "./database_processes.ts";

export interface SeenProcess {
  pid: number;
  command: string;
  /** Start time in clock ticks: with `pid` it names one process, also when the id is used again. */
  startedAt: string;
}

interface Stat {
  pid: number;
  parent: number;
  isZombie: boolean;
  startedAt: string;
}

/** All descendants of a process and everything that names one of its `folders`, without the process itself. */
export async function processesOfProgram(pid: number, folders: readonly string[]): Promise<SeenProcess[]> {
  const stats = await listStats();
  const family = new Set([pid]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const stat of stats) if (family.has(stat.parent)) family.add(stat.pid);
  }
  for (const folder of folders) for (const named of await processesOf(folder)) family.add(named.pid);
  const seen = stats.filter((stat) => family.has(stat.pid) && stat.pid !== pid);
  return await Promise.all(seen.map(async (stat) => ({
    pid: stat.pid,
    startedAt: stat.startedAt,
    command: await commandOf(stat.pid),
  })));
}

/** Which of these are still there; one that has ended but was not collected by its parent counts as gone. */
export async function stillAlive(processes: readonly SeenProcess[]): Promise<SeenProcess[]> {
  const stats = await listStats();
  return processes.filter(({ pid, startedAt }) =>
    stats.some((stat) => stat.pid === pid && stat.startedAt === startedAt && !stat.isZombie)
  );
}

/** Environment and command line of a process; empty when it is gone. */
export async function exposedTextOf(pid: number): Promise<string> {
  const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
  return `${environment}\0${await commandOf(pid)}`;
}

async function commandOf(pid: number): Promise<string> {
  return (await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "")).replaceAll("\0", " ");
}

async function listStats(): Promise<Stat[]> {
  const stats: Stat[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // One that ends while we look has none.
    const text = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    // The second field is the name in parentheses and may hold anything; proc(5) numbers the fields from 1.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, parent, startedAt] = [fields[0], fields[1], fields[19]];
    if (startedAt === undefined) continue;
    stats.push({ pid: Number(name), parent: Number(parent), isZombie: state === "Z" || state === "X", startedAt });
  }
  return stats;
}
