/** What core/capacity asks about agents, which it does not know. */
import type { LoadAnswer, LoadQuestion } from "../capacity/load_meter.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";

const LOAD_TIMEOUT_MS = 200;

/** An agent's own `load`, asked in its host. Null when it has none. */
export function askLoad(catalog: AgentCatalog, agent: string, question: LoadQuestion): Promise<LoadAnswer> | null {
  const entry = catalog.find(agent);
  return entry?.descriptor?.hooks.load ? entry.hook("load", question, LOAD_TIMEOUT_MS) : null;
}

/** Jobs that share one process; Infinity: they run in the control plane. @param agent null: any. */
export function jobsPerProcessOf(catalog: AgentCatalog, agent: string | null): number {
  const descriptor = agent === null ? null : catalog.find(agent)?.descriptor;
  if (!descriptor) return 1;
  return descriptor.isolation === "inline" ? Infinity : descriptor.jobsPerProcess;
}
