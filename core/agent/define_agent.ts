/** `defineAgent`: what an agent file exports by default. */
import type { z } from "zod";
import type { JobContext, SlotContext } from "./job_context.ts";
import { assertValidOptions } from "./validate_options.ts";

export type JobType = "room" | "participant" | "publisher";
export type Readiness = "connected" | "explicit";

/** What the agent's participant may do, in the words of LiveKit's token grant. */
export interface AgentPermissions {
  canPublish?: boolean;
  canSubscribe?: boolean;
  canPublishData?: boolean;
  /** Without it the agent can't carry the `greenroom.*` attributes, and other participants see it later. */
  canUpdateOwnMetadata?: boolean;
  hidden?: boolean;
}

/** How the agent's participant presents itself. */
export interface AgentParticipant {
  name?: string;
  metadata?: string;
  attributes?: Record<string, string>;
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
  /** Shape of a dispatch's metadata; a dispatch that does not fit is refused. */
  metadata?: Schema;
  /** Processes kept loaded and waiting; the instance's setting by default. */
  warmSlots?: number;
  /** Most jobs of this agent on one instance at a time; the instance's limit by default. */
  maxJobs?: number;
  /** When the agent counts as ready: once connected (default), or when it calls ctx.ready(). */
  readiness?: Readiness;
  /** Time for all shutdown callbacks together; the instance's setting by default. */
  shutdownGraceMs?: number;
  permissions?: AgentPermissions;
  participant?: AgentParticipant;
  osPermissions?: OsPermissions;
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
