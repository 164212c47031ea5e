/** Which version of an agent's code a file is: a hash over the file and what it imports by relative paths. */
import { dirname, resolve } from "node:path";

export interface AgentVersion {
  /** 16 hex digits; "" when the file can't be read. */
  version: string;
  /** Absolute paths of the file and of all it imports. */
  files: string[];
}

/** Files that one agent's version is made of; a change in others goes unnoticed. */
const MAX_FILES = 200;
/** The specifier behind `from` or `import`, if it begins with a dot. */
const LOCAL_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g;

/** Never throws: a file that is missing counts as empty. */
export async function readAgentVersion(path: string): Promise<AgentVersion> {
  const contents = new Map<string, string>();
  const waiting = [path];
  for (let file = waiting.pop(); file !== undefined && contents.size < MAX_FILES; file = waiting.pop()) {
    if (contents.has(file)) continue;
    const text = await Deno.readTextFile(file).catch(() => ""); // loading it says what is wrong
    contents.set(file, text);
    for (const [, specifier] of text.matchAll(LOCAL_IMPORT)) waiting.push(resolve(dirname(file), specifier ?? ""));
  }
  const files = [...contents.keys()];
  if (contents.get(path) === "") return { version: "", files };
  const bytes = new TextEncoder().encode(JSON.stringify([...contents.values()]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { version: digest.toHex().slice(0, 16), files };
}
