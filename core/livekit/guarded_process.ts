/**
 * A child process that cannot outlive us. `sh` leaves a guard in the child's process group and then becomes the command
 * itself (so the pid and the exit status are the command's own). The guard reads a pipe that only we hold open; at its
 * end (we closed it, or died, even by kill -9) it kills the whole group with SIGKILL, itself included. When the command
 * ends first, the guard waits in an otherwise empty group until the pipe closes: it can never hit a stranger's pid.
 */
import { settlesWithin } from "../lifecycle/supervisor.ts";

const GUARD_SCRIPT = "exec 3<&0 </dev/null; (while read -r _; do :; done <&3; kill -KILL 0) >/dev/null 2>&1 & " +
  'exec 3<&-; exec "$@"';
const KILL_TIMEOUT_MS = 5_000;
const MAX_LINE_CHARS = 8_192;

export interface GuardedProcess {
  readonly pid: number;
  /** Settles when the command has ended and its output was read to the end. */
  readonly exit: Promise<Deno.CommandStatus>;
  /** Kills the command and everything that it started; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface GuardedCommand {
  /** A path, or a name looked up on PATH. */
  command: string;
  args: readonly string[];
  /** Added to our environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** Each line of stdout and stderr, without its end, cut at 8,192 characters. */
  onLine: (line: string) => void;
}

export function spawnGuarded({ command, args, env, cwd, onLine }: GuardedCommand): GuardedProcess {
  const child = new Deno.Command("sh", {
    args: ["-c", GUARD_SCRIPT, "sh", command, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
  }).spawn();
  const output = Promise.all([readLines(child.stdout, onLine), readLines(child.stderr, onLine)]);
  let released: Promise<void> | undefined;
  const release = () => released ??= child.stdin.close().catch(ignoreClosedPipe);
  const exit = child.status.then(async (status) => {
    await release();
    await settlesWithin(output, KILL_TIMEOUT_MS);
    return status;
  });
  const kill = async () => {
    await release();
    if (!await settlesWithin(exit, KILL_TIMEOUT_MS)) throw new Error(`${command} (pid ${child.pid}) survived SIGKILL`);
  };
  return { pid: child.pid, exit, kill };
}

/** Calls `onLine` for each line; a last one without an end counts too. */
async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const line of lines) onLine(line.slice(0, MAX_LINE_CHARS));
  }
  if (rest !== "") onLine(rest);
}

/** The pipe's reader is gone when the guard is: that is what closing it was for. */
function ignoreClosedPipe(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
}

/** The last lines of a process's output, for error messages: at most `limitLines`. */
export class OutputTail {
  readonly #lines: string[] = [];

  constructor(readonly limitLines = 40) {}

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.limitLines) this.#lines.shift();
  }

  includes(text: string): boolean {
    return this.#lines.some((line) => line.includes(text));
  }

  toString(): string {
    return this.#lines.join("\n");
  }
}
