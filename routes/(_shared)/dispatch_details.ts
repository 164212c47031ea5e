/** Everything about one dispatch, as its page shows it. */
import type { DispatchDetails } from "../../components/dispatch/details.ts";
import { viewOfDispatch } from "../../core/dispatch/dispatch_view.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import {
  listInstanceNames,
  listJobDetails,
  listNewestLogs,
  listSpansOfDispatch,
  listTransitions,
} from "../../db/dispatch_history.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";

const MAX_LOG_LINES = 500;

/** Null when there is none of this id. Memory is ahead of the database by the milliseconds that a write takes. */
export async function dispatchDetails({ database, live, logs }: Parts, id: string): Promise<DispatchDetails | null> {
  const stored = live.find(id) ? null : await findDispatch(database, id);
  const dispatch = live.find(id)?.view ?? (stored && viewOfDispatch(stored));
  if (!dispatch) return null;
  await logs.flush();
  const jobIds = dispatch.jobs.map((job) => job.id);
  const [history, details, lines, spans, names] = await Promise.all([
    listTransitions(database, id),
    listJobDetails(database, jobIds),
    listNewestLogs(database, jobIds, MAX_LOG_LINES),
    listSpansOfDispatch(database, id),
    listInstanceNames(database, dispatch.jobs.map((job) => job.instanceId)),
  ]);
  return {
    dispatch: structuredClone(dispatch),
    history: history.map(({ at, subject, jobId, fromState, toState, cause, actor }) => ({
      at: at.toISOString(),
      subject,
      jobId,
      from: fromState,
      to: toState,
      cause,
      actor,
    })),
    logs: lines.map(({ id, at, attempt, level, message }) => ({ id, at: at.toISOString(), attempt, level, message })),
    isLogCut: lines.length === MAX_LOG_LINES,
    spans: spans.map(({ spanId, parentSpanId, name, startedAt, durationUs, status }) => ({
      spanId,
      parentSpanId,
      name,
      startedAt: startedAt.toISOString(),
      durationMs: durationUs / 1_000,
      isError: status === "error",
    })),
    stacks: Object.fromEntries(
      details.flatMap(({ jobId, failureStack }) => failureStack === null ? [] : [[jobId, failureStack]]),
    ),
    droppedLogLines: details.reduce((sum, { droppedLogLines }) => sum + droppedLogLines, 0),
    instanceNames: Object.fromEntries(names),
    now: new Date().toISOString(),
  };
}
