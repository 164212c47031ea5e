/**
 * All tests, in two streams at once, because most of them wait for other processes more than they compute: the end-to-end
 * tests of the program, and beside them everything else. They copy one database cluster that is made first
 * (support/test_dir.ts). Closes with one line for both, in Deno's own form.
 *   deno task test
 */
import { startTestPostgres } from "./support/postgres.ts";
import { clusterEnv } from "./support/test_dir.ts";
import { TextLineStream } from "./support/text_line_stream.ts";

const BROWSER = "tests/e2e/browser";
const STREAMS: Record<string, string[]> = {
  "e2e": ["tests/e2e/", `--ignore=${BROWSER}`],
  "rest": ["tests/", "fresh/", `--ignore=${await endToEndFiles()}`],
};

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

const startedAtMs = performance.now();
const cluster = await startTestPostgres();
await cluster.server.stop();
const results = await Promise.all(Object.entries(STREAMS).map(([name, args]) => run(name, args)))
  .finally(() => cluster.stop());
const sum = (count: keyof Counts) => results.reduce((total, { counts }) => total + counts[count], 0);
const isOk = results.every(({ code }) => code === 0);
const tookS = Math.round((performance.now() - startedAtMs) / 1_000);
console.log(
  `${isOk ? "ok" : "FAILED"} | ${sum("passed")} passed | ${sum("failed")} failed | ${
    sum("ignored")
  } ignored (${tookS}s)`,
);
Deno.exit(isOk ? 0 : 1);

/** Runs `deno test` with these arguments; each line is passed on under the stream's name. */
async function run(name: string, args: string[]): Promise<{ code: number; counts: Counts }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...args],
    env: { NO_COLOR: "1", ...clusterEnv(cluster.path) },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const counts: Counts = { passed: 0, failed: 0, ignored: 0 };
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      console.log(`${name}: ${line}`);
      Object.assign(counts, countsIn(line));
    }
  };
  const [{ code }] = await Promise.all([child.status, read(child.stdout), read(child.stderr)]);
  return { code, counts };
}

/** Of Deno's closing line, "ok | 7 passed (2 steps) | 0 failed | 1 ignored (3s)". */
function countsIn(line: string): Partial<Counts> {
  const closing = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?: \| (\d+) ignored)?/.exec(line);
  if (!closing) return {};
  return { passed: Number(closing[1]), failed: Number(closing[2]), ignored: Number(closing[3] ?? 0) };
}

/** The files of tests/e2e without its folders. */
async function endToEndFiles(): Promise<string> {
  const folder = new URL("./e2e/", import.meta.url);
  const names = await Array.fromAsync(Deno.readDir(folder));
  return names.filter(({ isFile }) => isFile).map(({ name }) => `tests/e2e/${name}`).join(",");
}
