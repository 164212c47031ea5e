/** What a child gets on its command line: one JSON argument. It holds no secret, since command lines are public. */

export interface SlotArguments {
  /** Absolute path of the agent file; null for a spare, which is told by `adopt`. */
  agentFile: string | null;
  /** Of an inline agent, whose isolate may have loaded the file before it was changed. */
  agentVersion?: string;
  /** rtc-node in one file (rtc_bundle.ts); absent: it is loaded module by module. */
  rtcBundle?: string;
  /** How many jobs it holds at a time. One: it ends with its job; more: it goes on until it is told to end. */
  jobsAtOnce: number;
  /** Whether to warm up rtc-node while nobody waits. False for a slot that is started for a waiting job. */
  prime: boolean;
  /** Whether rtc-node's own logs stay on (slows every room; for debugging). */
  rtcLogs: boolean;
  connectTimeoutMs: number;
  /** Lines of console and ctx.log output that are passed on per job; more are counted. */
  maxLogLines: number;
}

export interface HostArguments {
  /** Absolute path of the agent file. */
  agentFile: string;
}

/** Reads the arguments; throws when they are not there, because then nobody of ours started this process. */
export function readSlotArguments(text: string | undefined): SlotArguments {
  const { agentFile, rtcBundle, jobsAtOnce, prime, rtcLogs, connectTimeoutMs, maxLogLines } = parse(text);
  if (
    (typeof agentFile !== "string" && agentFile !== null) || typeof prime !== "boolean" ||
    typeof rtcLogs !== "boolean" ||
    !Number.isInteger(jobsAtOnce) || !Number.isInteger(connectTimeoutMs) || !Number.isInteger(maxLogLines)
  ) {
    throw new TypeError("Cannot start a slot: its JSON argument lacks a field");
  }
  return {
    agentFile,
    ...(typeof rtcBundle === "string" ? { rtcBundle } : {}),
    jobsAtOnce: jobsAtOnce as number,
    prime,
    rtcLogs,
    connectTimeoutMs: connectTimeoutMs as number,
    maxLogLines: maxLogLines as number,
  };
}

export function readHostArguments(text: string | undefined): HostArguments {
  const { agentFile } = parse(text);
  if (typeof agentFile !== "string") throw new TypeError("Cannot start a host: its JSON argument lacks agentFile");
  return { agentFile };
}

function parse(text: string | undefined): Record<string, unknown> {
  if (text === undefined) throw new TypeError("Cannot start a child: its JSON argument is missing");
  return JSON.parse(text);
}
