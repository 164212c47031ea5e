/** What a program holds: its processes, and the descriptors and sockets of all of them (Linux). */
import { memoryOfTree } from "../memory.ts";

export interface Footprint {
  /** All but Postgres's, whose workers come and go by themselves. */
  processes: number;
  /** Of the control plane, but those of the connections that clients keep to its REST API. */
  descriptors: number;
  sockets: number;
  /** Of its processes but Postgres's, added up. */
  childDescriptors: number;
}

/** @param port of the program's REST API. */
export async function footprintOf(pid: number, port: number): Promise<Footprint> {
  const tree = await memoryOfTree(pid);
  const children = tree.filter((process) => process.pid !== pid && !/postgres/.test(process.command));
  const clients = await clientSockets(pid, port);
  const own = (await descriptorsOf(pid)).filter((target) => !clients.has(target));
  const others = await Promise.all(children.map((child) => descriptorsOf(child.pid)));
  return {
    processes: children.length,
    descriptors: own.length,
    sockets: own.filter((target) => target.startsWith("socket:")).length,
    childDescriptors: others.flat().length,
  };
}

/** Nothing is held that was not held before. */
export function isNoMore(after: Footprint, before: Footprint): boolean {
  return (Object.keys(before) as (keyof Footprint)[]).every((key) => after[key] <= before[key]);
}

/** Established connections to this port, as /proc/<pid>/fd names them: fields 2, 4 and 10 of /proc/<pid>/net/tcp. */
async function clientSockets(pid: number, port: number): Promise<Set<string>> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const ESTABLISHED = "01";
  const lines = (await Deno.readTextFile(`/proc/${pid}/net/tcp`)).split("\n").slice(1);
  const connections = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    connections.filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === ESTABLISHED)
      .map((fields) => `socket:[${fields[9]}]`),
  );
}

async function descriptorsOf(pid: number): Promise<string[]> {
  const targets: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
      targets.push(await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "closed meanwhile"));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // it ended
  }
  return targets.filter((target) => target !== "closed meanwhile");
}
