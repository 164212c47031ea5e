/** Memory of processes as PSS: shared pages counted by share, so that sums are true. */

/** Proportional set size in bytes (Linux /proc/<pid>/smaps_rollup); null when the process is gone. */
export async function pssBytes(pid: number): Promise<number | null> {
  try {
    const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]) * 1024;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

export interface ProcessMemory {
  pid: number;
  command: string;
  bytes: number;
}

/** A process and all below it. */
export async function memoryOfTree(root: number): Promise<ProcessMemory[]> {
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name)) parents.set(Number(name), await parentOf(Number(name)));
  }
  const found: ProcessMemory[] = [];
  const add = async (pid: number): Promise<void> => {
    const bytes = await pssBytes(pid);
    if (bytes !== null) found.push({ pid, bytes, command: await commandOf(pid) });
    for (const [child, parent] of parents) if (parent === pid) await add(child);
  };
  await add(root);
  return found;
}

async function parentOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => ""); // it ended meanwhile
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? -1);
}

async function commandOf(pid: number): Promise<string> {
  const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
  return command.replaceAll("\0", " ").trim();
}
