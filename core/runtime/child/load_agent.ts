/** Loads an agent file and hands out what it defines. */
import { pathToFileURL } from "node:url";
import { type AgentDefinition, isAgentDefinition } from "../../agent/define_agent.ts";

/**
 * Throws what the file throws, or says what is missing in it.
 * @param version for an isolate that may have loaded an older one: another version is loaded anew. What the file imports
 * is not: that an isolate loads once.
 */
export async function loadAgent(agentFile: string, version = ""): Promise<AgentDefinition> {
  const { href } = pathToFileURL(agentFile);
  const module: { default?: unknown } = await import(version === "" ? href : `${href}?version=${version}`);
  if (isAgentDefinition(module.default)) return module.default;
  throw new TypeError(
    `Cannot use ${agentFile} as an agent: its default export must be what defineAgent({ … }) returns`,
  );
}
