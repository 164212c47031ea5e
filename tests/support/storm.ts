/** Many offers at once by the fake LiveKit server, assigned like the real one does; what was answered, and how fast. */
import { AvailabilityRequest, Job, JobAssignment, type JobType, Room } from "@livekit/protocol";
import { eventually } from "./eventually.ts";
import type { FakeConnection } from "./fake_livekit_server.ts";

export interface StormResult {
  accepted: string[];
  declined: string[];
  /** Answers beyond the first for a job. */
  extraAnswers: number;
  /** From sending each offer to reading its answer. */
  elapsedMs: number[];
}

export interface StormOptions {
  offers: number;
  /** Begins the jobs' ids: different for each storm on a connection. */
  label: string;
  agentName?: string;
  type?: JobType;
  /** The dispatch's. */
  attributes?: Record<string, string>;
  metadata?: string;
  /** Assign what is accepted (true). */
  isAssigning?: boolean;
  withinMs?: number;
}

export function jobOffer(id: string, options: Partial<StormOptions> = {}): Job {
  const { agentName = "echo", type, attributes = {}, metadata = "" } = options;
  const room = new Room({ name: `room-${id}` });
  return new Job({ id, dispatchId: `AD_${id}`, agentName, room, attributes, metadata, ...(type && { type }) });
}

export async function storm(connection: FakeConnection, options: StormOptions): Promise<StormResult> {
  const { offers, label, isAssigning = true, withinMs = 30_000 } = options;
  const sentAtMs = new Map<string, number>();
  const answered = new Set<string>();
  const result: StormResult = { accepted: [], declined: [], extraAnswers: 0, elapsedMs: [] };
  connection.listen((message) => {
    if (message.case !== "availability") return;
    const { jobId, available } = message.value;
    const sentMs = sentAtMs.get(jobId);
    if (sentMs === undefined) return;
    if (answered.has(jobId)) return void result.extraAnswers++;
    answered.add(jobId);
    result.elapsedMs.push(performance.now() - sentMs);
    (available ? result.accepted : result.declined).push(jobId);
    if (!available || !isAssigning) return;
    const value = new JobAssignment({ job: jobOffer(jobId, options), token: "unused" });
    connection.send({ case: "assignment", value }).catch(() => {}); // the connection is over: the test sees that
  });
  for (let i = 0; i < offers; i++) {
    const id = `AJ_${label}_${i}`;
    sentAtMs.set(id, performance.now());
    await connection.send({ case: "availability", value: new AvailabilityRequest({ job: jobOffer(id, options) }) });
  }
  await eventually(() => answered.size === offers, { withinMs, what: "an answer to each offer" });
  return result;
}
