/** `defineAgent`: what an agent file exports by default. */
import type { z } from "zod";
import type { Isolation, JobType, Priority, Readiness } from "./agent_kinds.ts";
import type {
  AcceptRequest,
  AgentParticipant,
  LoadSample,
  ParticipantRequest,
  PriorityRequest,
  RecoveryAction,
  RecoveryFailure,
  RecoveryResult,
} from "./hooks.ts";
import type { JobContext, SlotContext } from "./job_context.ts";
import type { Middleware } from "./middleware.ts";
import { assertValidOptions } from "./validate_options.ts";

/** What the agent's participant may do, in the words of LiveKit's token grant. */
export interface AgentPermissions {
  canPublish?: boolean;
  canSubscribe?: boolean;
  canPublishData?: boolean;
  /** Without it the agent can't carry the `greenroom.*` attributes, and other participants see it later. */
  canUpdateOwnMetadata?: boolean;
  hidden?: boolean;
}

/** What the agent's process may do beyond its room; the operator sees it. */
export interface OsPermissions {
  /** Network access: true for any host, or a list of "host" and "host:port". */
  net?: boolean | string[];
  /** Names of environment variables handed to the process. */
  env?: string[];
  /** Files and folders it may read besides the project. */
  read?: string[];
}

/** What becomes of a dispatch whose job failed. What is not said is the instance's setting. */
export interface RecoveryPolicy {
  /** Jobs that may fail in a row, the first one counted; 1 never tries again. One that was ready for a minute begins a new row. */
  maxAttempts?: number;
  /** No job follows later than this after the first that failed in a row. */
  maxAgeMs?: number;
  /** Wait before attempt n + 1: firstMs · factor^(n-1), at most maxMs. */
  backoff?: { firstMs?: number; factor?: number; maxMs?: number };
  /** Decides for one failure; runs in the agent's host. */
  decide?: (failure: RecoveryFailure) => RecoveryAction | Promise<RecoveryAction>;
  /** Asked before each further attempt: false gives up. Runs in the agent's host, like the two below. */
  onRecoveryAttempt?: (failure: RecoveryFailure) => boolean | Promise<boolean>;
  /** A further attempt is ready. */
  onRecovered?: (result: RecoveryResult) => void | Promise<void>;
  /** There will be no further attempt. */
  onRecoveryFailed?: (result: RecoveryResult) => void | Promise<void>;
}

export type MetadataSchema = z.ZodType | undefined;
/** Type of `ctx.metadata`. The schema runs in another process, so its output must survive JSON. */
export type MetadataOf<Schema extends MetadataSchema> = Schema extends z.ZodType ? z.output<Schema> : unknown;

export interface AgentOptions<Schema extends MetadataSchema = undefined> {
  /** Lower or upper case letters, digits, ".", "_" and "-"; at most 64 characters. Dispatches ask for it. */
  name: string;
  /** What starts a job: a room ("room", the default), each participant, or each publisher. */
  jobType?: JobType;
  /** "explicit" (default): only on request. "automatic": in every new room. */
  dispatch?: "explicit" | "automatic";
  /** LiveKit's namespace of the worker; none by default. */
  namespace?: string;
  /** LiveKit's deployment of the worker ("staging"): a dispatch must name the same one. None by default. */
  deployment?: string;
  /** Shape of a dispatch's metadata; a dispatch that does not fit is refused. */
  metadata?: Schema;
  /** "process" (default): a child process. "inline": in the control plane, if the operator allows it for this agent. */
  isolation?: Isolation;
  /** Jobs that share one child process, 1 by default: less memory per job, and a crash takes all of them. */
  jobsPerProcess?: number;
  /** Processes kept loaded and waiting; the instance's setting by default. */
  warmSlots?: number;
  /** Most jobs of this agent on one instance at a time; the instance's limit by default. */
  maxJobs?: number;
  /** A process that uses more memory than this is ended; the instance's setting by default. */
  memoryLimitMb?: number;
  /** V8's heap of one process; V8's own default otherwise. */
  heapLimitMb?: number;
  /** When the agent counts as ready: once connected (default), or when it calls ctx.ready(). */
  readiness?: Readiness;
  /** Longest time that a job may run; no limit by default, because a call lasts as long as people talk. */
  timeoutMs?: number;
  /** A job whose room has had no human for so long ends; 0: never. The instance's setting by default. */
  aloneTimeoutMs?: number;
  /** A job that has called ctx.heartbeat() once must call it again within this time, or fails as unresponsive. */
  heartbeatTimeoutMs?: number;
  /** Time for all shutdown callbacks together; the instance's setting by default. */
  shutdownGraceMs?: number;
  recovery?: RecoveryPolicy;
  permissions?: AgentPermissions;
  /**
   * Identity in the room, "agent-{jobId}" by default; may hold {jobId}, {agent}, {room} and {participant}. One without
   * {jobId} gets "-<attempt>" from the second attempt on, and must be unique in its room.
   */
  identity?: string;
  /** Name, metadata and attributes in the room; as a function it is asked in the agent's host, for each job. */
  participant?: AgentParticipant | ((job: ParticipantRequest) => AgentParticipant | Promise<AgentParticipant>);
  osPermissions?: OsPermissions;
  /** Whether to take a job that LiveKit offers. No answer within 200 ms counts as no. */
  accept?: (request: AcceptRequest) => boolean | Promise<boolean>;
  /** Priority of a dispatch that does not name one. */
  priority?: (request: PriorityRequest) => Priority | Promise<Priority>;
  /** Load of this agent here, 0 to 1, as LiveKit is told, in place of the instance's calculator. */
  load?: (sample: LoadSample) => number | Promise<number>;
  /** Wrapped around `entry`, the first one outermost. */
  middleware?: readonly Middleware[];
  /** Runs once per process, before it takes a job: load models here. */
  prewarm?: (slot: SlotContext) => void | Promise<void>;
  /** One job. Returning ends it as succeeded, throwing as failed; to stay, await `ctx.ended`. */
  entry: (ctx: JobContext<MetadataOf<Schema>>) => void | Promise<void>;
}

/** A checked agent. Made only by `defineAgent`, recognised by `isAgentDefinition`. */
export interface AgentDefinition<Schema extends MetadataSchema = MetadataSchema> {
  readonly kind: typeof AGENT_KIND;
  readonly options: Readonly<AgentOptions<Schema>>;
}

const AGENT_KIND = "greenroom.agent";

/** Checks the options; throws a TypeError that names every field that is wrong. */
export function defineAgent<Schema extends MetadataSchema = undefined>(
  options: AgentOptions<Schema>,
): AgentDefinition<Schema> {
  assertValidOptions(options);
  return Object.freeze({ kind: AGENT_KIND, options: Object.freeze({ ...options }) });
}

export function isAgentDefinition(value: unknown): value is AgentDefinition {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === AGENT_KIND;
}
