/** GREENROOM_WATCH_AGENTS: new jobs run what an agent's file says now, running ones end on what they began with. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

/** What the agent imports. */
const WORDS = "./_words.ts";

let greenroom: Greenroom;
let agentsDir: string;
Deno.test.beforeAll(async () => {
  agentsDir = await Deno.makeTempDir({ prefix: "greenroom-reload-" });
  await write("_words.ts", 'export const WORD = "one";\n');
  await write("speaks.ts", speaks());
  greenroom = await Greenroom.start({
    env: { GREENROOM_AGENTS_DIR: agentsDir, GREENROOM_WATCH_AGENTS: "1", GREENROOM_WARM_SLOTS: "1" },
  });
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await Deno.remove(agentsDir, { recursive: true });
});

function speaks(name = "speaks"): string {
  return `import { defineAgent } from "greenroom";
import { WORD } from "${WORDS}";

export default defineAgent({
  name: "${name}",
  entry: async (ctx) => {
    ctx.log.info("entered with " + WORD);
    await ctx.connect();
    ctx.onShutdown(() => ctx.log.info("ended with " + WORD));
    await ctx.ended;
  },
});
`;
}

function write(file: string, text: string): Promise<void> {
  return Deno.writeTextFile(join(agentsDir, file), text);
}

async function agentNamed(name: string) {
  const { items } = await greenroom.get("/api/v1/agents");
  return items.find((agent: { name: string }) => agent.name === name) ?? null;
}

async function start(agent: string): Promise<{ dispatchId: string; jobId: string }> {
  const { status, body } = await greenroom.dispatch({ agent, room: crypto.randomUUID() }, "wait=ready&waitMs=60000");
  assert.equal(status, 201, JSON.stringify(body));
  return { dispatchId: body.id, jobId: body.jobs[0].id };
}

async function logs(jobId: string): Promise<string[]> {
  const { items } = await greenroom.get(`/api/v1/jobs/${jobId}/logs?limit=200`);
  return items.map(({ message }: { message: string }) => message);
}

Deno.test("a changed import is taken over: new jobs run it, warm slots are renewed, a running job keeps the old code", async () => {
  const before = await start("speaks");
  const { version } = await agentNamed("speaks");
  await write("_words.ts", 'export const WORD = "two";\n');
  await eventually(async () => (await agentNamed("speaks")).version !== version, { what: "the new version" });
  const after = await start("speaks");
  await eventually(async () => (await logs(after.jobId)).includes("entered with two"));
  await greenroom.call("DELETE", `/api/v1/dispatches/${before.dispatchId}`);
  await eventually(async () => (await logs(before.jobId)).includes("ended with one"), { what: "the old code ended" });
});

Deno.test("a file that no longer loads is broken with its error, its dispatches wait, and they run when it is repaired", async () => {
  await write("speaks.ts", "throw new Error('half a thought');\n");
  const broken = await eventually(async () => {
    const agent = await agentNamed("speaks");
    return agent?.state === "broken" ? agent : null;
  });
  assert.match(broken.error, /half a thought/);
  const { status, body } = await greenroom.dispatch({ agent: "speaks", room: "waits" }, "wait=ready&waitMs=100");
  assert.deepEqual([status, body.code], [504, "agent_broken"]);
  await write("speaks.ts", speaks());
  await eventually(async () => (await greenroom.get(`/api/v1/dispatches/${body.dispatch.id}`)).state === "running", {
    withinMs: 20_000,
    what: "the waiting dispatch runs",
  });
});

Deno.test("a new file becomes an agent with a worker of its own, and one that is gone is no longer offered", async () => {
  await write("late.ts", speaks("late"));
  await eventually(async () => (await agentNamed("late"))?.state === "ready", { what: "the new agent" });
  await start("late");
  const workers = async () =>
    (await greenroom.get("/api/v1/workers")).items.map(({ agent }: { agent: string }) => agent);
  await eventually(async () => (await workers()).includes("late"), { what: "its worker" });
  await Deno.remove(join(agentsDir, "late.ts"));
  const asked = () => greenroom.dispatch({ agent: "late", room: "gone" }, "wait=ready&waitMs=50");
  await eventually(async () => (await asked()).body.code === "agent_not_hosted", { what: "the agent is gone" });
});
