/** The public entry: what `import … from "greenroom"` gives an agent's author. Light, because every slot loads it. */
export { defineAgent } from "./define_agent.ts";
export { compose } from "./middleware.ts";
export type { Entry, Middleware } from "./middleware.ts";
export type { Isolation, JobType, Priority, Readiness } from "./agent_kinds.ts";
export type { AgentDefinition, AgentOptions, AgentPermissions, OsPermissions, RecoveryPolicy } from "./define_agent.ts";
export type {
  AcceptRequest,
  AgentParticipant,
  LoadSample,
  ParticipantRequest,
  PriorityRequest,
  RecoveryAction,
  RecoveryFailure,
  RecoveryResult,
} from "./hooks.ts";
export type {
  CheckpointStore,
  ConnectOptions,
  Ended,
  EndedReason,
  JobContext,
  JobInfo,
  JobLog,
  JobSpan,
  JobTracer,
  ParticipantEntry,
  ParticipantFilter,
  ShutdownCallback,
  SlotContext,
  SpanAttributes,
} from "./job_context.ts";
export type { JobMessage, JobMessageHandler, Leadership, PublishOptions, Subscription } from "./job_links.ts";
export type { Counter, Gauge, Histogram, JobMetrics, MetricLabels } from "./job_metrics.ts";
export type { ParticipantChanges, ParticipantState, RoomApi, SendDataOptions, TrackState } from "./room_api.ts";
export { ControlPlaneError, FatalError, JobEndedError, RetryableError, ValidationError } from "./errors.ts";
