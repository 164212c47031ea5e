/**
 * What listeners are told when a dispatch changes (topics.ts): `dispatch` on "dispatches", and on "dispatch:<id>" `stage`
 * for each stage reached, `state` for each change of state, `log` for each line, `progress` when a job says
 * how far it is, `end` at last.
 */
import type { Hub } from "../updates/hub.ts";
import { dispatchTopic } from "../updates/topics.ts";
import type { SlotLogLine } from "../runtime/slot.ts";
import type { DispatchView, JobView, Stages } from "./dispatch_view.ts";

/** How a dispatch changed. `requested`: it is stored, and waits. */
export type DispatchChange =
  | { kind: "requested" }
  | { kind: "assigned" }
  | { kind: "stage"; stage: "entered" | "connected" | "ready" }
  | { kind: "waits" }
  /** Something was noticed about its job (job.flags). */
  | { kind: "flagged"; flag: string }
  /** A job of a dispatch that goes on without it. */
  | { kind: "job_ended" }
  /** Its job has failed, and it waits for another attempt. */
  | { kind: "retrying" }
  | { kind: "ended" };

export interface StageEvent {
  dispatchId: string;
  /** Null for what concerns no job yet. */
  jobId: string | null;
  attempt: number | null;
  stage: StageName;
  at: string;
  /** From the request to this stage. */
  sinceRequestMs: number;
}

export type StageName = "requested" | "assigned" | "entered" | "connected" | "ready" | "ended";

/** In the order in which they are reached. */
export const STAGE_NAMES: readonly StageName[] = ["requested", "assigned", "entered", "connected", "ready", "ended"];

/** Without metadata, which may be large and belongs to the page of one dispatch. */
export type CompactDispatchView = Omit<DispatchView, "metadata">;

export function publishDispatchChange(hub: Pick<Hub, "publish">, view: DispatchView, change: DispatchChange): void {
  const topic = dispatchTopic(view.id);
  const compact = compactView(view);
  hub.publish("dispatches", "dispatch", compact);
  const stage = stageOf(change);
  if (stage !== null) hub.publish(topic, "stage", stageEvent(view, stage));
  if (change.kind !== "stage" || change.stage === "entered") hub.publish(topic, "state", compact);
  if (change.kind === "ended") hub.publish(topic, "end", compact);
}

export function publishJobLog(
  hub: Pick<Hub, "publish">,
  job: Pick<JobView, "id" | "dispatchId" | "attempt">,
  line: SlotLogLine,
): void {
  const { level, message, fields, at } = line;
  const event = { jobId: job.id, attempt: job.attempt, level, message, fields: fields ?? null, at: at.toISOString() };
  hub.publish(dispatchTopic(job.dispatchId), "log", { dispatchId: job.dispatchId, ...event });
}

/** What a running job said about its progress (ctx.progress). */
export function publishJobProgress(hub: Pick<Hub, "publish">, jobId: string, dispatchId: string, value: unknown): void {
  hub.publish(dispatchTopic(dispatchId), "progress", { dispatchId, jobId, value, at: new Date().toISOString() });
}

/** What has happened to a dispatch so far, as the events that would have told it. */
export function pastEvents(view: DispatchView): { event: string; data: unknown }[] {
  const reached = STAGE_NAMES.filter((stage) => stampOf(view.stages, stage) !== null);
  const compact = compactView(view);
  return [
    ...reached.map((stage) => ({ event: "stage", data: stageEvent(view, stage) })),
    { event: "state", data: compact },
    ...(view.stages.endedAt === null ? [] : [{ event: "end", data: compact }]),
  ];
}

export function compactView({ metadata: _metadata, ...rest }: DispatchView): CompactDispatchView {
  return rest;
}

function stageOf(change: DispatchChange): StageName | null {
  switch (change.kind) {
    case "stage":
      return change.stage;
    case "requested":
    case "assigned":
    case "ended":
      return change.kind;
    default:
      return null;
  }
}

function stageEvent(view: DispatchView, stage: StageName): StageEvent {
  const job = stage === "requested" ? undefined : view.jobs.at(-1);
  const at = stampOf(view.stages, stage) ?? view.createdAt;
  return {
    dispatchId: view.id,
    jobId: job?.id ?? null,
    attempt: job?.attempt ?? null,
    stage,
    at,
    sinceRequestMs: Date.parse(at) - Date.parse(view.stages.requestedAt),
  };
}

function stampOf(stages: Stages, stage: StageName): string | null {
  return stages[`${stage}At`];
}
