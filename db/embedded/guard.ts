/**
 * A child process that never outlives us. It runs under a small sh script that holds the reading end of a pipe of ours:
 * when we end in whatever way, kill -9 included, the kernel closes our end, and the script stops the child: SIGINT, which
 * is PostgreSQL's fast shutdown, after 1.5 s SIGQUIT, after 1.5 s more SIGKILL. The child gets its own session, so that
 * Ctrl-C in a terminal does not stop the database before the jobs that still write to it.
 */
import type { RunAs } from "./run_as.ts";

const SCRIPT = `
exec 3<&0
"$0" "$@" </dev/null 3<&- &
child=$!
trap 'kill -INT $child 2>/dev/null' INT TERM
(
  read -r _ <&3
  exec 3<&-
  kill -INT $child
  for signal in QUIT KILL; do
    tenths=0
    while [ $tenths -lt 15 ] && kill -0 $child; do sleep 0.1; tenths=$((tenths + 1)); done
    kill -$signal $child
  done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&- </dev/null
wait $child
code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
kill -KILL $watcher 2>/dev/null
exit $code
`;

const KEPT_LINES = 40;
const MAX_LINE_CHARS = 4_000;

export interface GuardedProcess {
  /** Settles when the child and its guard are gone. */
  readonly exited: Promise<{ code: number }>;
  /** The last lines of standard error. */
  readonly lastLines: readonly string[];
  /** SIGINT to the child. */
  interrupt(): void;
  /** What our own death would do: SIGINT, then SIGQUIT, then SIGKILL within about 3 s. */
  abandon(): Promise<void>;
}

export function startGuarded(
  program: string,
  args: string[],
  options: { runAs: RunAs | null; env: Record<string, string>; onLine?: (line: string) => void },
): GuardedProcess {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", SCRIPT, program, ...args],
    env: options.env,
    clearEnv: true,
    cwd: "/",
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
    ...options.runAs,
  }).spawn();
  const lastLines: string[] = [];
  const read = readLines(child.stderr, (line) => {
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    options.onLine?.(line);
  });
  let closed: Promise<void> | null = null;
  const closePipe = () => closed ??= child.stdin.close().catch(() => {}); // Already closed from the other end.
  const exited = (async () => {
    const { code } = await child.status;
    await read;
    await closePipe();
    return { code };
  })();
  return {
    exited,
    lastLines,
    interrupt: () => {
      try {
        child.kill("SIGINT");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error; // It is gone.
      }
    },
    abandon: closePipe,
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(-MAX_LINE_CHARS);
    for (const line of lines) onLine(line.slice(0, MAX_LINE_CHARS));
  }
  if (rest !== "") onLine(rest);
}
