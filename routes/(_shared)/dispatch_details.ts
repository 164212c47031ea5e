/** Everything about one dispatch, as its page shows it. */
import type { DispatchDetails } from "../../components/dispatch/details.ts";
import { explanationOf } from "./explanation.ts";
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
import { listLosses } from "../../db/losses.ts";
import { viewOfLoss } from "./loss_views.ts";

const MAX_LOG_LINES = 500;
const MAX_LOSSES = 100;

/** Null when there is none of this id. Memory is ahead of the database by the milliseconds that a write takes. */
export async function dispatchDetails(parts: Parts, id: string): Promise<DispatchDetails | null> {
  const { database, live, logs } = parts;
  const stored = live.find(id) ? null : await findDispatch(database, id);
  const dispatch = live.find(id)?.view ?? (stored && viewOfDispatch(stored));
  if (!dispatch) return null;
  await logs.flush();
  const jobIds = dispatch.jobs.map((job) => job.id);
  const [explanation, history, details, lines, spans, names, losses] = await Promise.all([
    explanationOf(parts, dispatch),
    listTransitions(database, id),
    listJobDetails(database, jobIds),
    listNewestLogs(database, jobIds, MAX_LOG_LINES),
    listSpansOfDispatch(database, id),
    listInstanceNames(database, dispatch.jobs.map((job) => job.instanceId)),
    listLosses(database, { dispatchId: id, limit: MAX_LOSSES }),
  ]);
  return {
    dispatch: structuredClone(dispatch),
    explanation,
    losses: losses.map(viewOfLoss).reverse(),
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
