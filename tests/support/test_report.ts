/** What `deno test` prints, read line by line: its counts, and which tests failed with what error. */

export interface TestCounts {
  passed: number;
  failed: number;
  ignored: number;
}

export interface TestFailure {
  /** The test's name, with its step's; for an error outside of tests, "(uncaught error)". */
  test: string;
  /** As Deno prints it, "./tests/unit/x_test.ts". */
  file: string;
  /** The first line of the error. */
  error: string;
}

const FAILED_TEST = /^(?<test>.+) => (?<file>\.\/[^:]+):\d+:\d+$/;
const FAILED_FILE = /^(?<file>\.\/\S+) (?<test>\(uncaught error\))$/;
const CLOSING = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;

/** Takes the lines of one run without colours, those of each output in their order. */
export class TestReport {
  readonly failures: TestFailure[] = [];
  counts: TestCounts = { passed: 0, failed: 0, ignored: 0 };
  #error: string | undefined;
  #isClosed = false;
  #isInErrors = false;

  /** A line of standard error, where Deno says why it stopped. */
  takeError(line: string): void {
    if (line.startsWith("error: ") && line !== "error: Test failed") this.#error ??= line.slice("error: ".length);
  }

  /** A line of standard output. */
  take(line: string): void {
    const closing = CLOSING.exec(line);
    if (closing) {
      this.#isClosed = true;
      this.counts = { passed: Number(closing[1]), failed: Number(closing[2]), ignored: Number(closing[3] ?? 0) };
    } else if (line === " ERRORS ") this.#isInErrors = true;
    else if (line === " FAILURES ") this.#isInErrors = false;
    else if (this.#isInErrors) this.#takeFailure(line);
  }

  /** Why the run did not come to its end, in which case tests may be missing from the counts; "" when it did. */
  get brokenOffBy(): string {
    return this.#error ?? (this.#isClosed ? "" : "the run has no closing line");
  }

  /** The files with failures, each once. */
  get failedFiles(): string[] {
    return [...new Set(this.failures.map(({ file }) => file))];
  }

  #takeFailure(line: string): void {
    const { test, file } = FAILED_TEST.exec(line)?.groups ?? FAILED_FILE.exec(line)?.groups ?? {};
    if (test && file) this.failures.push({ test, file, error: "" });
    else if (line.startsWith("error: ")) {
      const last = this.failures.at(-1);
      if (last && last.error === "") last.error = line.slice("error: ".length);
    }
  }
}
