/** A folder of agent files outside the project, as GREENROOM_AGENTS_DIR may name one. */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = ["../../agents/", "./agents/"].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));

/** @param names agents of agents/ or tests/support/agents. The caller removes the folder. */
export async function makeAgentsFolder(names: readonly string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "greenroom-agents-" });
  for (const name of names) {
    const file = await findAgentFile(name);
    await Deno.copyFile(file, join(folder, basename(file)));
  }
  return folder;
}

async function findAgentFile(name: string): Promise<string> {
  for (const source of SOURCES) {
    const file = join(source, `${name}.ts`);
    if (await Deno.stat(file).then(() => true, () => false)) return file;
  }
  throw new Error(`Cannot find agent "${name}" in ${SOURCES.join(" or ")}`);
}
