/**
 * Keeps static/app.css up to date with the theme and the classes that pages use. Its first line holds the hash of what it
 * was made from; when that is current, nothing is done (a few milliseconds). Otherwise Tailwind compiles it in a child
 * process, because it would stay in memory here (about 100 MB).
 */
import { join } from "node:path";

export const SOURCE_FOLDERS = ["components", "islands", "routes", "styles"];
/** From the project's folder. */
export const OUTPUT = "static/app.css";
const TIMEOUT_MS = 30_000;

/** Throws when the styles can't be compiled. @param projectDir folder of deno.json */
export async function updateStyles(projectDir: string): Promise<void> {
  const stamp = await hashSources(projectDir);
  const output = join(projectDir, OUTPUT);
  if (await firstLine(output) === `/* ${stamp} */`) return;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(projectDir, "styles/compile.ts"), output, stamp],
    cwd: projectDir,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  if (!success) {
    const reason = new TextDecoder().decode(stderr).trim().slice(-2_000);
    throw Object.assign(new Error(`Cannot compile the styles: ${reason}`), {
      remedy: "run deno install, and see that static/ can be written.",
    });
  }
}

/** Changes with what the styles are made from. */
export async function hashSources(projectDir: string): Promise<string> {
  const files = (await Promise.all(SOURCE_FOLDERS.map((folder) => listFiles(projectDir, folder)))).flat().sort();
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(join(projectDir, file))));
  const all = files.map((file, index) => `${file}\n${texts[index]}`).join("\n");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(all));
  return new Uint8Array(digest).toHex();
}

async function listFiles(projectDir: string, folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(projectDir, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await listFiles(projectDir, path));
    else if (/\.(tsx?|css)$/.test(name)) files.push(path);
  }
  return files;
}

async function firstLine(file: string): Promise<string | null> {
  try {
    const text = await Deno.readTextFile(file);
    return text.slice(0, text.indexOf("\n"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
