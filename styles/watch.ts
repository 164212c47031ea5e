/**
 * Keeps the styles up to date while one develops. Run by `dev.ts` as a child process that stays, because Tailwind takes a
 * second to start and a few milliseconds from then on; it ends with the program that started it, whose end closes its input.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { hashSources, OUTPUT, SOURCE_FOLDERS } from "../core/services/styles.ts";
import { createLogger } from "../core/lifecycle/logger.ts";
import { StyleCompiler } from "./style_compiler.ts";

/** Writes that follow each other so fast are one change. */
const SETTLE_MS = 20;

const projectDir = dirname(dirname(fileURLToPath(import.meta.url)));
const output = `${projectDir}/${OUTPUT}`;
const logger = createLogger({ level: "info", format: "text" });
const compiler = new StyleCompiler();
let written = "";
let settling: ReturnType<typeof setTimeout> | undefined;
let updating = Promise.resolve();

async function update(): Promise<void> {
  const stamp = await hashSources(projectDir);
  if (stamp === written) return;
  await compiler.write(output, stamp);
  written = stamp;
}

function onChange(): void {
  clearTimeout(settling);
  settling = setTimeout(() => {
    updating = updating.then(update).catch((error) => logger.error("could not compile the styles", { error }));
  }, SETTLE_MS);
}

async function follow(): Promise<void> {
  const folders = SOURCE_FOLDERS.map((folder) => `${projectDir}/${folder}`);
  for await (const { kind } of Deno.watchFs(folders)) if (kind !== "access") onChange();
}

onChange(); // The slow first time is over before anybody edits.
await Promise.race([follow(), Deno.stdin.readable.pipeTo(new WritableStream())]);
Deno.exit();
