/** Starts tests/support/database_child.ts, and looks for processes that belong to a data directory. */
import { fileURLToPath } from "node:url";

/** One line that the child printed; see database_child.ts. */
export interface ChildEvent {
  log?: string;
  ready?: boolean;
  committed?: number;
  ran?: number;
  newer?: boolean;
  failed?: string;
}

export interface DatabaseChild extends AsyncDisposable {
  pid: number;
  /** All events so far. */
  events: readonly ChildEvent[];
  /** Resolves with the first event, past or future, that fits; rejects when the child ends or 30 s pass before. */
  event(fits: (event: ChildEvent) => unknown): Promise<ChildEvent>;
  /** SIGKILL; resolves when the process is gone and all that it printed has been read. */
  kill(): Promise<void>;
  /** Resolves with the exit code when it ends by itself. */
  exited(): Promise<number>;
}

const EVENT_TIMEOUT_MS = 30_000;
const SCRIPT = fileURLToPath(new URL("./database_child.ts", import.meta.url));

export function startDatabaseChild(
  command: "hold" | "migrate",
  ...rest: [string, ...(string | { runAs: { uid: number; gid: number }; home: string })[]]
): DatabaseChild {
  const args = rest.filter((value) => typeof value === "string");
  const user = rest.find((value) => typeof value === "object");
  const child = new Deno.Command(Deno.execPath(), {
    // Packages are only read from node_modules: another user has no cache of them.
    args: ["run", "-A", "--no-check", "--no-lock", "--node-modules-dir=manual", SCRIPT, command, ...args],
    ...(user === undefined ? {} : { ...user.runAs, env: { HOME: user.home, DENO_DIR: `${user.home}/deno` } }),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const events: ChildEvent[] = [];
  const listeners = new Set<() => void>();
  let over = false;
  const notify = () => listeners.forEach((listener) => listener());
  const finished = (async () => {
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) events.push(JSON.parse(line));
      notify();
    }
    const { code } = await child.status;
    over = true;
    notify();
    return code;
  })();
  function event(fits: (event: ChildEvent) => unknown): Promise<ChildEvent> {
    return new Promise((resolve, reject) => {
      const settle = (work: () => void) => (clearTimeout(timer), listeners.delete(look), work());
      const lost = (why: string) => settle(() => reject(new Error(`${why}; last: ${Deno.inspect(events.slice(-3))}`)));
      const timer = setTimeout(() => lost("the event did not come"), EVENT_TIMEOUT_MS);
      function look(): void {
        const found = events.find(fits);
        if (found !== undefined) settle(() => resolve(found));
        else if (over) lost("the process ended");
      }
      listeners.add(look);
      look();
    });
  }
  async function kill(): Promise<void> {
    if (!over) child.kill("SIGKILL");
    await finished;
  }
  return { pid: child.pid, events, event, kill, exited: () => finished, [Symbol.asyncDispose]: kill };
}

/** Processes whose command line or working directory names `path` (Linux). */
export async function processesOf(path: string): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    // A process that ends while we look has neither.
    const command = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).replaceAll("\0", " ");
    const cwd = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (command.includes(path) || cwd.startsWith(path)) found.push({ pid: Number(name), command });
  }
  return found;
}
