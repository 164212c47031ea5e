/**
 * All tests, in two streams at once, because most of them wait for other processes more than they compute: the end-to-end
 * tests of the program, and beside them everything else. They copy one database cluster that is made first
 * (support/test_dir.ts). Files with a failure run once more, with the machine to themselves; what fails there too has
 * failed. Closes with each failure in a line, those that passed alone too, and one line of counts in Deno's own form.
 *   deno task test
 */
import { startTestPostgres } from "./support/postgres.ts";
import { clusterEnv } from "./support/test_dir.ts";
import { type TestCounts, type TestFailure, TestReport } from "./support/test_report.ts";
import { TextLineStream } from "./support/text_line_stream.ts";

const BROWSER = "tests/e2e/browser";
const STREAMS: Record<string, string[]> = {
  "e2e": ["tests/e2e/", `--ignore=${BROWSER}`],
  "rest": ["tests/", "fresh/", `--ignore=${await endToEndFiles()}`],
};
/** More failing files than this are no matter of a busy machine: nothing runs again. */
const FILES_RUN_AGAIN = 4;
/** What is shown of an error in the closing lines; the whole stands above them. */
const ERROR_CHARS = 300;

interface Run {
  isOk: boolean;
  report: TestReport;
}

const startedAtMs = performance.now();
const cluster = await startTestPostgres();
await cluster.server.stop();
const all = await runAll().finally(() => cluster.stop());
const tookS = Math.round((performance.now() - startedAtMs) / 1_000);
for (const failure of all.passedAlone) console.log(`FAILED BESIDE OTHERS, PASSED ALONE: ${described(failure)}`);
for (const why of all.brokenOff) console.log(`BROKEN OFF: ${why}`);
for (const failure of all.failures) console.log(`FAILED: ${described(failure)}`);
const { passed, failed, ignored } = all.counts;
console.log(`${all.isOk ? "ok" : "FAILED"} | ${passed} passed | ${failed} failed | ${ignored} ignored (${tookS}s)`);
Deno.exit(all.isOk ? 0 : 1);

async function runAll() {
  const runs = await Promise.all(Object.entries(STREAMS).map(([name, args]) => run(name, args)));
  const sum = (count: keyof TestCounts) => runs.reduce((total, { report }) => total + report.counts[count], 0);
  const counts = { passed: sum("passed"), failed: sum("failed"), ignored: sum("ignored") };
  const failures = runs.flatMap(({ report }) => report.failures);
  const files = runs.flatMap(({ report }) => report.failedFiles);
  const isOk = runs.every((one) => one.isOk);
  const brokenOff = runs.map(({ report }) => report.brokenOffBy).filter((why) => why !== "");
  if (isOk || brokenOff.length > 0 || files.length > FILES_RUN_AGAIN) {
    return { isOk, counts, failures, brokenOff, passedAlone: [] };
  }
  const again = await run("again", files);
  const stillFailed = again.report.counts.failed;
  return {
    isOk: again.isOk,
    counts: { ...counts, passed: counts.passed + counts.failed - stillFailed, failed: stillFailed },
    failures: again.report.failures,
    brokenOff: again.report.brokenOffBy === "" ? [] : [again.report.brokenOffBy],
    passedAlone: failures.filter(({ test, file }) =>
      !again.report.failures.some((other) => other.test === test && other.file === file)
    ),
  };
}

/** Runs `deno test` with these arguments; each line is passed on under the stream's name. */
async function run(name: string, args: string[]): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...args],
    env: { NO_COLOR: "1", ...clusterEnv(cluster.path) },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const report = new TestReport();
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void) => {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      console.log(`${name}: ${line}`);
      take(line);
    }
  };
  const [{ code }] = await Promise.all([
    child.status,
    read(child.stdout, (line) => report.take(line)),
    read(child.stderr, (line) => report.takeError(line)),
  ]);
  return { isOk: code === 0, report };
}

function described({ test, file, error }: TestFailure): string {
  return `${test} (${file}): ${error.slice(0, ERROR_CHARS)}`;
}

/** The files of tests/e2e without its folders. */
async function endToEndFiles(): Promise<string> {
  const folder = new URL("./e2e/", import.meta.url);
  const names = await Array.fromAsync(Deno.readDir(folder));
  return names.filter(({ isFile }) => isFile).map(({ name }) => `tests/e2e/${name}`).join(",");
}
