/**
 * Doctor's checks from inside the running program, on demand. They cost a second or so and open connections: one run at a
 * time, shared by all who ask meanwhile, and its answer is given again for FRESH_MS.
 */
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { type CheckContext, type CheckResult, failed } from "./checks/check.ts";
import { runChecks } from "./doctor.ts";

const FRESH_MS = 10_000;
/** Each check has limits of its own; this one is for all of them together. */
const RUN_TIMEOUT_MS = 90_000;

export interface CheckReport {
  startedAt: string;
  tookMs: number;
  results: CheckResult[];
}

export class CheckRunner {
  readonly #context: CheckContext;
  #latest: { report: CheckReport; readAtMs: number } | null = null;
  #running: Promise<CheckReport> | null = null;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  /** What was found last; null: nothing was looked at yet. */
  get latest(): CheckReport | null {
    return this.#latest?.report ?? null;
  }

  /** Never rejects: a check that breaks is a failed one, and what takes too long is told as such. */
  run(): Promise<CheckReport> {
    if (this.#latest && performance.now() - this.#latest.readAtMs < FRESH_MS) {
      return Promise.resolve(this.#latest.report);
    }
    this.#running ??= this.#run().finally(() => this.#running = null);
    return this.#running;
  }

  async #run(): Promise<CheckReport> {
    const startedAt = new Date();
    const startedAtMs = performance.now();
    const results: CheckResult[] = [];
    const all = (async () => {
      for await (const result of runChecks(this.#context)) results.push(result);
    })();
    const isDone = await settlesWithin(all, RUN_TIMEOUT_MS);
    const report = {
      startedAt: startedAt.toISOString(),
      tookMs: Math.round(performance.now() - startedAtMs),
      results: isDone ? results : [
        ...results,
        failed("the other checks", `did not end within ${RUN_TIMEOUT_MS} ms`, "Run deno task doctor on the machine."),
      ],
    };
    this.#latest = { report, readAtMs: performance.now() };
    return report;
  }
}
