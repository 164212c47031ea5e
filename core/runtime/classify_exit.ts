/** Why a child that said nothing is gone. Pure. */
import type { JobFailure } from "./job_end.ts";

/** Why we killed a child ourselves. */
export type KillCause =
  | "unresponsive"
  | "memory_limit"
  | "load_timeout"
  | "enter_timeout"
  | "shutdown_overrun"
  | "pool_stopped";

export interface ExitFacts {
  code: number | null;
  signal: string | null;
  /** Set when no process could be started at all. */
  spawnError: string | null;
  /** The last of what the process wrote to stderr: V8 and native code say there why they abort. */
  stderrTail: string;
  /** Entry had been called. */
  hasEntered: boolean;
  /** What the child said when it could not load its agent. */
  loadError: string | null;
  killedFor: KillCause | null;
  /** What is to be said of that instead of the usual; null: nothing special. */
  killDetail?: string | null;
}

/** V8 aborts by SIGTRAP (seen) or SIGABRT; a shell in between would make 133 or 134 of these. */
const ABORTS = { signals: ["SIGTRAP", "SIGABRT", "SIGILL"], codes: [133, 134] };
const OUT_OF_MEMORY_TEXT = /JavaScript (heap )?out of memory|Reached heap limit|Last few GCs/;

export function classifyExit(facts: ExitFacts): JobFailure {
  const failure = facts.hasEntered
    ? classifyRunning(facts)
    : { kind: "not_started" as const, message: describeLoading(facts) };
  return {
    ...failure,
    ...(facts.code === null ? {} : { exitCode: facts.code }),
    ...(facts.signal === null ? {} : { signal: facts.signal }),
  };
}

function classifyRunning(facts: ExitFacts): Pick<JobFailure, "kind" | "message"> {
  const { killedFor, signal, code } = facts;
  if (killedFor === "unresponsive") {
    return { kind: "unresponsive", message: "The agent's event loop was stuck, so its process was killed" };
  }
  if (killedFor === "memory_limit") {
    return { kind: "out_of_memory", message: facts.killDetail ?? "The agent's process used too much memory" };
  }
  if (killedFor === "shutdown_overrun") {
    return { kind: "shutdown_overrun", message: "The agent did not end within its shutdown grace and was killed" };
  }
  if (killedFor === "pool_stopped") {
    return { kind: "shutdown_overrun", message: "Greenroom stopped before the agent had ended, and killed it" };
  }
  // It called entry just as its time for that was over.
  if (killedFor === "load_timeout" || killedFor === "enter_timeout") {
    return { kind: "not_started", message: describeLoading(facts) };
  }
  if (isOutOfMemory(facts)) {
    return { kind: "out_of_memory", message: "The agent's process ran out of JavaScript heap memory and aborted" };
  }
  if (signal !== null) return { kind: "signal", message: `The agent's process was ended by ${signal}` };
  return { kind: "exit", message: `The agent's process exited with code ${code} before its job had ended` };
}

function describeLoading(facts: ExitFacts): string {
  if (facts.loadError !== null) return `The agent could not be loaded: ${facts.loadError}`;
  if (facts.spawnError !== null) return `The agent's process could not be started: ${facts.spawnError}`;
  if (facts.killedFor === "load_timeout") return "The agent's process did not load in time and was killed";
  if (facts.killedFor === "enter_timeout") return "The agent's process did not call entry in time and was killed";
  if (facts.killedFor === "unresponsive") {
    return "The agent's event loop was stuck before entry, so its process was killed";
  }
  if (facts.killedFor === "memory_limit") return facts.killDetail ?? "The agent's process used too much memory";
  if (facts.killedFor !== null) return "The agent's process was killed before entry, because it was to end";
  if (isOutOfMemory(facts)) return "The agent's process ran out of memory before entry was called";
  const how = facts.signal === null ? `exited with code ${facts.code}` : `was ended by ${facts.signal}`;
  const tail = facts.stderrTail.trim();
  return `The agent's process ${how} before entry was called${tail === "" ? "" : `: ${tail.slice(-1_000)}`}`;
}

function isOutOfMemory({ code, signal, stderrTail }: ExitFacts): boolean {
  const isAbort = (signal !== null && ABORTS.signals.includes(signal)) ||
    (code !== null && ABORTS.codes.includes(code));
  return isAbort && OUT_OF_MEMORY_TEXT.test(stderrTail);
}
