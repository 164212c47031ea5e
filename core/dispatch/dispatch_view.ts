/** Dispatches and jobs as REST shows them: the zod schemas (for openapi.json) and the mapping from rows. */
import { z } from "zod";
import {
  DISPATCH_STATES,
  ISOLATIONS,
  JOB_STATES,
  ONE_AGENT_PER_ROOM,
  type OneAgentPerRoom,
  ORIGINS,
  PLACEMENTS,
  PRIORITIES,
} from "../../db/schema/states.ts";
import { ERROR_STATUSES, errorStatusOf } from "../runtime/error_status.ts";
import { adviceOf, FAILURE_CLASSES, isFailureClass } from "../runtime/failure_class.ts";
import { remedyOf } from "../runtime/failure_explanation.ts";
import type { DispatchRow, DispatchWithJobs, JobRow } from "../../db/dispatch_reads.ts";

const instant = z.iso.datetime().nullable();
const stagesSchema = z.object({
  requestedAt: z.iso.datetime(),
  assignedAt: instant,
  enteredAt: instant,
  connectedAt: instant,
  readyAt: instant,
  endedAt: instant,
}).meta({
  id: "Stages",
  description: "When each stage was reached, by the owning instance's clock; null: not reached.",
});

export const jobViewSchema = z.object({
  id: z.uuid(),
  dispatchId: z.uuid(),
  attempt: z.int(),
  agent: z.string(),
  server: z.string(),
  room: z.string(),
  participant: z.string().nullable(),
  state: z.enum(JOB_STATES),
  endReason: z.string().nullable(),
  isolation: z.enum(ISOLATIONS),
  instanceId: z.uuid(),
  workerId: z.uuid().nullable(),
  participantIdentity: z.string(),
  livekitJobId: z.string().nullable(),
  pid: z.int().nullable(),
  stages: stagesSchema,
  failure: z.object({
    kind: z.string(),
    message: z.string(),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    class: z.enum(FAILURE_CLASSES).nullable().meta({
      description: "What the failure says about trying again; null for the note on a cancelled job.",
    }),
    retryAfterMs: z.int().nullable().meta({
      description: "Least time before the next attempt, when the error named one.",
    }),
    advice: z.string().nullable().meta({ description: "Whether to try again, for people." }),
    remedy: z.string().nullable().meta({ description: "What to look at." }),
    errorStatus: z.enum(ERROR_STATUSES).nullable(),
  }).nullable().meta({
    description: "Why it failed; of a cancelled job: what went wrong while it ended (it had to be killed, say).",
  }),
  flags: z.array(z.string()).meta({
    description: "What was noticed while it ran: never_connected, never_ready, memory_high, …",
  }),
}).meta({ id: "Job" });

/** One job by itself. */
export const jobDetailsSchema = jobViewSchema.extend({
  progress: z.unknown().meta({ description: "What it last said by ctx.progress; null: nothing." }),
}).meta({ id: "JobDetails" });

export const dispatchViewSchema = z.object({
  id: z.uuid(),
  agent: z.string(),
  server: z.string(),
  room: z.string(),
  state: z.enum(DISPATCH_STATES),
  priority: z.enum(PRIORITIES),
  placement: z.enum(PLACEMENTS),
  origin: z.enum(ORIGINS),
  retryOf: z.uuid().nullable(),
  participantIdentity: z.string().nullable().meta({
    description: "The participant that a participant or publisher agent is wanted for.",
  }),
  region: z.string().nullable(),
  oneAgentPerRoom: z.enum(ONE_AGENT_PER_ROOM).nullable(),
  scheduledAt: instant.meta({ description: "It starts then; null: at once." }),
  deadlineAt: instant.meta({ description: "It expires when it is not ready by then; null: never." }),
  metadata: z.unknown(),
  waitingReason: z.string().nullable().meta({
    description: "Why it is still queued; null: it is not, or only waits for a slot.",
  }),
  createdAt: z.iso.datetime(),
  jobs: z.array(jobViewSchema),
  stages: stagesSchema,
  failure: z.object({
    code: z.string(),
    message: z.string(),
    remedy: z.string().nullable(),
    errorStatus: z.enum(ERROR_STATUSES).nullable(),
  }).nullable(),
}).meta({ id: "Dispatch" });

export type JobView = z.infer<typeof jobViewSchema>;
export type DispatchView = z.infer<typeof dispatchViewSchema>;
export type Stages = z.infer<typeof stagesSchema>;

export function viewOfDispatch({ dispatch, jobs }: DispatchWithJobs): DispatchView {
  return {
    id: dispatch.id,
    agent: dispatch.agent,
    server: dispatch.server,
    room: dispatch.room,
    state: dispatch.state,
    priority: dispatch.priority,
    placement: dispatch.placement,
    origin: dispatch.origin,
    retryOf: dispatch.retryOf,
    participantIdentity: dispatch.participantIdentity,
    region: dispatch.region,
    oneAgentPerRoom: dispatch.oneAgentPerRoom as OneAgentPerRoom | null,
    scheduledAt: dispatch.scheduledAt?.toISOString() ?? null,
    deadlineAt: dispatch.deadlineAt?.toISOString() ?? null,
    metadata: dispatch.metadata ?? null,
    waitingReason: dispatch.waitingReason,
    createdAt: dispatch.createdAt.toISOString(),
    jobs: jobs.map(viewOfJob),
    stages: stagesOf(dispatch),
    failure: dispatch.failureCode === null ? null : {
      code: dispatch.failureCode,
      message: dispatch.failureMessage ?? "",
      remedy: dispatch.failureRemedy,
      errorStatus: errorStatusOf(dispatch.failureCode),
    },
  };
}

export function viewOfJob(job: JobRow): JobView {
  return {
    id: job.id,
    dispatchId: job.dispatchId,
    attempt: job.attempt,
    agent: job.agent,
    server: job.server,
    room: job.room,
    participant: job.participant,
    state: job.state,
    endReason: job.endReason,
    isolation: job.isolation,
    instanceId: job.instanceId,
    workerId: job.workerId,
    participantIdentity: job.participantIdentity,
    livekitJobId: job.livekitJobId,
    pid: job.pid,
    stages: stagesOf(job),
    failure: job.failureKind === null ? null : failureView({
      kind: job.failureKind,
      message: job.failureMessage ?? "",
      exitCode: job.exitCode,
      signal: job.signal,
      class: isFailureClass(job.failureClass) ? job.failureClass : null,
      retryAfterMs: job.retryAfterMs,
    }),
    flags: job.flags,
  };
}

type FailureView = NonNullable<JobView["failure"]>;

/** With the advice, the remedy and the status word that follow from the rest. */
export function failureView(failure: Omit<FailureView, "advice" | "remedy" | "errorStatus">): FailureView {
  const { class: failureClass, retryAfterMs, kind } = failure;
  return {
    ...failure,
    advice: failureClass === null ? null : adviceOf(failureClass, retryAfterMs),
    remedy: remedyOf(kind),
    errorStatus: errorStatusOf(kind),
  };
}

function stagesOf(row: DispatchRow | JobRow): Stages {
  return {
    requestedAt: row.createdAt.toISOString(),
    assignedAt: row.assignedAt?.toISOString() ?? null,
    enteredAt: row.enteredAt?.toISOString() ?? null,
    connectedAt: row.connectedAt?.toISOString() ?? null,
    readyAt: row.readyAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}
