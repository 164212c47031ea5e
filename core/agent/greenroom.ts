/** The public entry: what `import … from "greenroom"` gives an agent's author. Light, because every slot loads it. */
export { defineAgent } from "./define_agent.ts";
export type {
  AgentDefinition,
  AgentOptions,
  AgentParticipant,
  AgentPermissions,
  JobType,
  OsPermissions,
  Readiness,
} from "./define_agent.ts";
export type {
  ConnectOptions,
  Ended,
  EndedReason,
  JobContext,
  JobInfo,
  JobLog,
  JobSpan,
  JobTracer,
  ParticipantFilter,
  ShutdownCallback,
  SlotContext,
  SpanAttributes,
} from "./job_context.ts";
export { FatalError, JobEndedError, RetryableError, ValidationError } from "./errors.ts";
