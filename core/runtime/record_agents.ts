/** Notes the agents of this instance in the database, so that the fleet knows their names when nobody serves them. */
import { upsertAgent } from "../../db/agents.ts";
import type { Database } from "../../db/client.ts";
import type { AgentCatalog } from "./agent_catalog.ts";

export async function recordAgents(database: Database, catalog: AgentCatalog): Promise<void> {
  for (const { name, file, state, error, descriptor } of catalog.list()) {
    // A file that never loaded has no name of its own: nobody can have asked for it.
    if (descriptor === undefined) continue;
    await upsertAgent(database, { name, file, isBroken: state === "broken", error: error ?? null, descriptor });
  }
}
