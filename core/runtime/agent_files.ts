/** Which files of a folder are agents. */

/** Agent files of one folder; a folder with more is a mistake. */
const MAX_FILES = 1_000;

/** File names in order; tests and names that begin with "_" or "." are no agents. A folder that is not there is empty. */
export async function listAgentFiles(agentsDir: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(agentsDir)) {
      if (!isDirectory && /^[^_.].*\.ts$/.test(name) && !/_test\.ts$|\.d\.ts$/.test(name)) files.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (files.length > MAX_FILES) throw new Error(`Cannot load agents: ${agentsDir} has more than ${MAX_FILES} files`);
  return files.sort();
}
