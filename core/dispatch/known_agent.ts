/** Which agent a name stands for: hosted here, or known to the fleet by its row. */
import type { JobType } from "../agent/agent_kinds.ts";
import { findAgentRow, listAgentRows } from "../../db/agents.ts";
import type { Database } from "../../db/client.ts";
import type { AgentCatalog, AgentEntry } from "../runtime/agent_catalog.ts";
import { nearestNames } from "../runtime/nearest_names.ts";
import { type MetadataChecker, remoteMetadataChecker } from "./remote_agent.ts";

/** `entry`: null when it is not hosted here. `checker`: for its metadata, wherever it is hosted. */
export type KnownAgent =
  | { known: true; entry: AgentEntry | null; checker: MetadataChecker; jobType: JobType }
  | { known: false; nearest: string[] };

export async function findKnownAgent(
  { database, catalog }: { database: Database; catalog: AgentCatalog },
  name: string,
): Promise<KnownAgent> {
  const entry = catalog.find(name);
  if (entry) return { known: true, entry, checker: entry, jobType: entry.descriptor?.jobType ?? "room" };
  const row = await findAgentRow(database, name);
  if (row) {
    const checker = remoteMetadataChecker(row.descriptor);
    return { known: true, entry: null, checker, jobType: jobTypeOf(row.descriptor) };
  }
  const seen = (await listAgentRows(database)).map((each) => each.name);
  return {
    known: false,
    nearest: [...new Set([...catalog.nearest(name, 3), ...nearestNames(name, seen, 3)])].slice(0, 3),
  };
}

/** Of an agent that only other instances host; its row is ours, so what does not fit is an older version's. */
function jobTypeOf(descriptor: unknown): JobType {
  const { jobType } = (descriptor ?? {}) as { jobType?: unknown };
  return jobType === "participant" || jobType === "publisher" ? jobType : "room";
}
