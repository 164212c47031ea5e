/** What an agent's host says of its file: the agent's description, or why there is none. */
import { type AgentDescriptor, agentDescriptorSchema } from "../agent/descriptor.ts";
import type { AgentChild } from "./child_process.ts";
import type { ChildMessage } from "./messages.ts";

export type HostLoad = { state: "loaded"; descriptor: AgentDescriptor } | { state: "broken"; error: string };

/** What the child says, or why it says nothing within the limit: then it is killed. Sets its onMessage. Never rejects. */
export function loadedBy(child: AgentChild, limitMs: number): Promise<HostLoad> {
  const said = Promise.withResolvers<HostLoad>();
  child.onMessage = (message) => {
    const load = loadReported(message);
    if (load) said.resolve(load);
  };
  const timer = setTimeout(() => {
    said.resolve(broken(`did not load within ${limitMs} ms: look for an endless loop or a slow top-level await`));
    child.kill("SIGKILL");
  }, limitMs);
  void child.drained.then(({ code, signal, spawnError }) => {
    const how = spawnError ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    said.resolve(broken(`its host process ${how} while loading. ${child.stderrTail.trim()}`.trim()));
  });
  return said.promise.finally(() => clearTimeout(timer));
}

function loadReported(message: ChildMessage): HostLoad | null {
  if (message.type === "broken") return broken(message.error);
  if (message.type !== "descriptor") return null;
  const parsed = agentDescriptorSchema.safeParse(message.descriptor);
  if (parsed.success) return { state: "loaded", descriptor: parsed.data };
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return broken(`its description is not valid: ${issues.slice(0, 5).join("; ")}`);
}

function broken(error: string): HostLoad {
  return { state: "broken", error };
}
