/** Asks a job's process for a profile (child_profiler.ts) and gathers its chunks, bounded in size and in time. */
import { type ProfileRequest, SNAPSHOT_LIMIT_MS } from "../telemetry/profile.ts";
import type { RunningJob } from "./job_runner.ts";
import type { ChildMessage } from "./messages.ts";

export type JobProfile =
  | { ok: true; gzip: Uint8Array }
  | { ok: false; code: ProfileFailure; message: string };
export type ProfileFailure =
  | "heap_too_large"
  | "profile_failed"
  | "profile_timeout"
  | "profile_too_large"
  | "job_not_running";

/** A compressed snapshot is about a tenth of its text. */
export const MAX_PROFILE_BYTES = 67_108_864;
/** Beyond the time that was asked for: a snapshot stops the process, and packing and sending take their time. */
const MARGIN_MS = SNAPSHOT_LIMIT_MS;

let lastRequestId = 0;

/** Never rejects. */
export async function profileJob(
  job: RunningJob,
  request: ProfileRequest,
  { maxBytes = MAX_PROFILE_BYTES, marginMs = MARGIN_MS }: { maxBytes?: number; marginMs?: number } = {},
): Promise<JobProfile> {
  const { jobId } = job.plan.key;
  const requestId = ++lastRequestId;
  const done = Promise.withResolvers<JobProfile>();
  const fail = (code: ProfileFailure, message: string) => done.resolve({ ok: false, code, message });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const hear = (message: ChildMessage) => {
    if (message.type !== "profile" || message.requestId !== requestId) return;
    if (message.error) return done.resolve({ ok: false, ...message.error });
    const chunk = Uint8Array.fromBase64(message.chunk ?? "");
    bytes += chunk.length;
    if (bytes > maxBytes) return fail("profile_too_large", `The profile has more than ${maxBytes} bytes, compressed.`);
    chunks.push(chunk);
    if (message.isLast) return done.resolve({ ok: true, gzip: joinChunks(chunks, bytes) });
    job.send({ type: "profile_next", jobId, requestId });
  };
  const stopListening = job.listen(hear);
  const late = `The job's process did not give the profile within ${marginMs} ms after its time.`;
  const timer = setTimeout(() => fail("profile_timeout", late), request.durationMs + marginMs);
  void job.gone.then(() => fail("job_not_running", "The job's process ended before its profile was there."));
  if (!job.send({ type: "profile", jobId, requestId, request })) {
    fail("job_not_running", "The job has no process that could be asked.");
  }
  try {
    return await done.promise;
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}

/** The chunks as one; `bytes`: of all of them. */
export function joinChunks(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}
