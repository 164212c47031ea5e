/** Which agent a name stands for: hosted here, or known to the fleet by its row. */
import type { JobType } from "../agent/agent_kinds.ts";
import { findAgentRow } from "../../db/agents.ts";
import type { Database } from "../../db/client.ts";
import type { AgentCatalog, AgentEntry } from "../runtime/agent_catalog.ts";

/** `entry`: null when it is not hosted here. */
export type KnownAgent =
  | { known: true; entry: AgentEntry | null; jobType: JobType }
  | { known: false; nearest: string[] };

export async function findKnownAgent(
  { database, catalog }: { database: Database; catalog: AgentCatalog },
  name: string,
): Promise<KnownAgent> {
  const entry = catalog.find(name);
  if (entry) return { known: true, entry, jobType: entry.descriptor?.jobType ?? "room" };
  const row = await findAgentRow(database, name);
  if (row) return { known: true, entry: null, jobType: jobTypeOf(row.descriptor) };
  return { known: false, nearest: catalog.nearest(name, 3) };
}

/** Of an agent that only other instances host; its row is ours, so what does not fit is an older version's. */
function jobTypeOf(descriptor: unknown): JobType {
  const { jobType } = (descriptor ?? {}) as { jobType?: unknown };
  return jobType === "participant" || jobType === "publisher" ? jobType : "room";
}
