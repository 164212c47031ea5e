/**
 * How long a developer waits: from the moment a route, an island or a component is saved until the browser shows the new text,
 * under `deno task dev` with the control plane and its Postgres running. Works on a copy of the project.
 *
 *   deno run -A bench/dev_reload.ts [changes of each kind]        (10 unless given)
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser, signIn } from "../tests/support/browser.ts";
import { eventually } from "../tests/support/eventually.ts";
import { formatTable, type Row, summarize, writeResults } from "./statistics.ts";

const CHANGES = Number(Deno.args[0] ?? 10);
const AIM_MS = 1_000;
/** What follows a change (styles) is over by then. */
const PAUSE_MS = 1_500;
const START_WITHIN_MS = 90_000;
const API_KEY = "bench-key-0123456789abcdef";
const ROOT = fileURLToPath(new URL("../", import.meta.url));
const NOT_COPIED = new Set(["node_modules", "_fresh", ".git", ".greenroom", "agents", "tests", "bench"]);

/** Where the page /rooms gets a mark, whose number is then counted up. */
const PLACES = {
  route: ["routes/_layout.tsx", "Skip to content", "route-0"],
  island: ["islands/RoomsBoard.tsx", "oldest first", "island-0"],
  component: ["components/Empty.tsx", "{children}", "<p>component-0</p>{children}"],
} as const;

const project = await copyProject();
const port = freePort();
const program = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "--watch", "dev.ts"],
  cwd: project,
  env: { GREENROOM_DATA_DIR: join(project, ".greenroom"), GREENROOM_API_KEY: API_KEY, PORT: String(port) },
  stdin: "null",
  stdout: "null",
}).spawn();
const browser = await launchBrowser();
try {
  await measure(`http://127.0.0.1:${port}`);
} finally {
  await browser.close();
  // The watcher outlives a program that stops; what the program started ends with it.
  program.kill("SIGKILL");
  await program.status;
  await Deno.remove(project, { recursive: true });
}

async function measure(url: string): Promise<void> {
  const isReady = async () => (await fetch(`${url}/ready`).catch(() => null))?.ok ?? false;
  await eventually(isReady, { what: "the program is ready", withinMs: START_WITHIN_MS });
  const storageState = await signIn(browser, url, API_KEY);
  const page = await (await browser.newContext({ storageState })).newPage();
  await page.goto(`${url}/rooms`);
  const rows: Row[] = [];
  for (const [what, [file]] of Object.entries(PLACES)) {
    const tookMs: number[] = [];
    await page.getByText(`${what}-0`).waitFor();
    for (let change = 1; change <= CHANGES; change++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const startedAtMs = performance.now();
      await replaceIn(join(project, file), `${what}-${change - 1}`, `${what}-${change}`);
      await page.getByText(new RegExp(`^${what}-${change}$`)).waitFor();
      tookMs.push(performance.now() - startedAtMs);
    }
    const summary = summarize(tookMs);
    rows.push({ what: `${what} saved → shown`, summary, unit: "ms", aim: `≤ ${AIM_MS}`, isMet: summary.p95 <= AIM_MS });
  }
  console.log(formatTable(rows));
  await writeResults("dev-reload", { rows });
}

async function copyProject(): Promise<string> {
  const copy = await Deno.realPath(await Deno.makeTempDir({ prefix: "greenroom-dev-" }));
  for await (const { name } of Deno.readDir(ROOT)) {
    if (!NOT_COPIED.has(name)) await copyInto(join(ROOT, name), join(copy, name));
  }
  await Deno.mkdir(join(copy, "agents"));
  await Deno.symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  for (const [file, from, to] of Object.values(PLACES)) await replaceIn(join(copy, file), from, to);
  return copy;
}

async function copyInto(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copyInto(join(from, name), join(to, name));
}

async function replaceIn(file: string, from: string, to: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  if (!text.includes(from)) throw new Error(`Cannot change ${file}: it does not hold ${from}`);
  await Deno.writeTextFile(file, text.replace(from, to));
}

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
