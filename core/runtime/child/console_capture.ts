/**
 * Console output of agents, kept with the job that made it. A process may hold several jobs, so each job's code runs in
 * an async context of its own that says which; what is called back from outside of any (rtc-node's events) says none.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import type { JobOutput, OutputLevel } from "./job_output.ts";

const outputs = new AsyncLocalStorage<JobOutput>();
const LEVELS: Record<string, OutputLevel> = { debug: "debug", trace: "debug", warn: "warn", error: "error" };
const METHODS = ["debug", "trace", "log", "info", "dir", "warn", "error"] as const;

/** Runs one job's code. */
export function runWithOutput<T>(output: JobOutput, work: () => T): T {
  return outputs.run(output, work);
}

/** The job whose code runs here; undefined outside of any. */
export function currentOutput(): JobOutput | undefined {
  return outputs.getStore();
}

/** From here on console.* of this isolate ends up with its job. @param fallback outside of any; null: printed as usual. */
export function captureConsole(fallback: () => JobOutput | null): void {
  for (const method of METHODS) {
    const print = globalThis.console[method].bind(globalThis.console);
    const level = LEVELS[method] ?? "info";
    globalThis.console[method] = (...args: unknown[]) => {
      const output = outputs.getStore() ?? fallback();
      if (output === null) print(...args);
      else output.write(level, format(...args));
    };
  }
}
