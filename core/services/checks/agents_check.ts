/** The agent files: each is loaded in a host process of its own, as a start does; a running program tells how it went. */
import { AgentCatalog, type AgentSnapshot } from "../../runtime/agent_catalog.ts";
import { ChildListener } from "../../runtime/child_listener.ts";
import { Reaper } from "../../runtime/reaper.ts";
import { silentLogger } from "../../lifecycle/logger.ts";
import { type CheckContext, type CheckResult, failed, ok, warned } from "./check.ts";

export async function checkAgents(
  { loaded: { config }, projectDir, readEnv, running }: CheckContext,
): Promise<CheckResult[]> {
  const { agentsDir, dataDir } = config;
  if (running) return judgeAgents(running.agents(), agentsDir);
  const reaper = new Reaper(silentLogger);
  reaper.start();
  const listener = ChildListener.open({ logger: silentLogger, reaper });
  const folders = { projectDir, agentsDir, dataDir };
  const catalog = new AgentCatalog({
    agentsDir,
    settings: config,
    environment: { folders, readEnv, reaper, listener, logger: silentLogger },
    logger: silentLogger,
  });
  try {
    await catalog.load();
    return judgeAgents(catalog.snapshot(), agentsDir);
  } finally {
    await catalog.stop();
    listener.close();
    await reaper.stop();
  }
}

function judgeAgents(agents: AgentSnapshot[], agentsDir: string): CheckResult[] {
  if (agents.length > 0) return agents.map(judgeAgent);
  return [warned("agents", `there is no agent file in ${agentsDir}`, "Add one, or set GREENROOM_AGENTS_DIR.")];
}

function judgeAgent({ name, file, state, error, descriptor }: AgentSnapshot): CheckResult {
  const check = `agent ${file}`;
  if (state === "ready") return ok(check, `"${name}" loads${descriptor ? `, ${descriptor.jobType} jobs` : ""}`);
  return failed(check, error ?? "it does not load", "Mend the file; the other agents are not affected.");
}
