/** Loads an agent file and hands out what it defines. */
import { pathToFileURL } from "node:url";
import { type AgentDefinition, isAgentDefinition } from "../../agent/define_agent.ts";

/** Throws what the file throws, or says what is missing in it. */
export async function loadAgent(agentFile: string): Promise<AgentDefinition> {
  const module: { default?: unknown } = await import(pathToFileURL(agentFile).href);
  if (isAgentDefinition(module.default)) return module.default;
  throw new TypeError(
    `Cannot use ${agentFile} as an agent: its default export must be what defineAgent({ … }) returns`,
  );
}
