/** docs/agents.md and examples/ keep up with what agents can do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isAgentDefinition } from "../../../core/agent/define_agent.ts";
import { agentDescriptorSchema, describeAgent } from "../../../core/agent/descriptor.ts";

const ROOT = join(import.meta.dirname ?? "", "../../..");

/** Members of an interface, at its first level. */
async function membersOf(file: string, name: string): Promise<string[]> {
  const source = await Deno.readTextFile(join(ROOT, file));
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(source)?.[1] ?? "";
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(<:]/gm)].map(([, member]) => member ?? "");
}

for (
  const [name, file] of [
    ["AgentOptions", "core/agent/define_agent.ts"],
    ["RecoveryPolicy", "core/agent/define_agent.ts"],
    ["JobContext", "core/agent/job_context.ts"],
    ["RoomApi", "core/agent/room_api.ts"],
    ["Leadership", "core/agent/job_links.ts"],
  ] as const
) {
  Deno.test(`docs/agents.md names every member of ${name}`, async () => {
    const text = await Deno.readTextFile(join(ROOT, "docs/agents.md"));
    const members = await membersOf(file, name);
    assert.ok(members.length >= 5, `found only ${members.join(", ")}`);
    assert.deepEqual(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(text)), []);
  });
}

Deno.test("every example is an agent that can be described", async () => {
  const files = (await Array.fromAsync(Deno.readDir(join(ROOT, "examples")))).map(({ name }) => name);
  assert.ok(files.length >= 3);
  for (const file of files) {
    const { default: agent } = await import(pathToFileURL(join(ROOT, "examples", file)).href);
    assert.ok(isAgentDefinition(agent), file);
    agentDescriptorSchema.parse(describeAgent(agent));
  }
});
