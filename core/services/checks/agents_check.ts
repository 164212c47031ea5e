/** The agent files: each is loaded in a host process of its own, as a start does. */
import { AgentCatalog, type AgentSnapshot } from "../../runtime/agent_catalog.ts";
import { Reaper } from "../../runtime/reaper.ts";
import { silentLogger } from "../../lifecycle/logger.ts";
import { type CheckContext, type CheckResult, failed, ok, warned } from "./check.ts";

export async function checkAgents(
  { loaded: { config }, projectDir, readEnv }: CheckContext,
): Promise<CheckResult[]> {
  const { agentsDir, dataDir } = config;
  const reaper = new Reaper(silentLogger);
  reaper.start();
  const folders = { projectDir, agentsDir, dataDir };
  const catalog = new AgentCatalog({
    agentsDir,
    settings: config,
    environment: { folders, readEnv, reaper, logger: silentLogger },
    logger: silentLogger,
  });
  try {
    await catalog.load();
    const agents = catalog.snapshot();
    if (agents.length > 0) return agents.map(judgeAgent);
    return [warned("agents", `there is no agent file in ${agentsDir}`, "Add one, or set GREENROOM_AGENTS_DIR.")];
  } finally {
    await catalog.stop();
    await reaper.stop();
  }
}

function judgeAgent({ name, file, state, error, descriptor }: AgentSnapshot): CheckResult {
  const check = `agent ${file}`;
  if (state === "ready") return ok(check, `"${name}" loads${descriptor ? `, ${descriptor.jobType} jobs` : ""}`);
  return failed(check, error ?? "it does not load", "Mend the file; the other agents are not affected.");
}
