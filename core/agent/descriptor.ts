/**
 * An agent in plain JSON: what the control plane, which never loads an agent file, knows about it. Made in the agent's
 * host process (which runs user code), so the receiving side parses it with `agentDescriptorSchema`.
 */
import { z } from "zod";
import type { AgentDefinition, RecoveryPolicy } from "./define_agent.ts";
import { HOOK_NAMES, type HookName } from "./hooks.ts";
import { MAX_DURATION_MS, MAX_IDENTITY_CHARS } from "./validate_options.ts";

const wholeNumber = (min: number, max: number) => z.number().int().min(min).max(max).nullable();
const osText = z.string().min(1).max(4_096);
const osTexts = z.array(osText).max(1_000);

/** null stands for "not set: the instance's setting applies". */
export const agentDescriptorSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  jobType: z.enum(["room", "participant", "publisher"]),
  dispatch: z.enum(["explicit", "automatic"]),
  namespace: z.string().max(64),
  deployment: z.string().max(64),
  isolation: z.enum(["process", "inline"]),
  jobsPerProcess: z.number().int().min(1).max(1_000),
  warmSlots: wholeNumber(0, 1_000),
  maxJobs: wholeNumber(1, 100_000),
  memoryLimitMb: wholeNumber(32, 1_048_576),
  heapLimitMb: wholeNumber(16, 1_048_576),
  readiness: z.enum(["connected", "explicit"]),
  timeoutMs: wholeNumber(1, MAX_DURATION_MS),
  /** 0: never. */
  aloneTimeoutMs: wholeNumber(0, MAX_DURATION_MS),
  heartbeatTimeoutMs: wholeNumber(100, MAX_DURATION_MS),
  shutdownGraceMs: wholeNumber(0, 600_000),
  recovery: z.object({
    maxAttempts: wholeNumber(1, 1_000),
    maxAgeMs: wholeNumber(0, MAX_DURATION_MS),
    backoff: z.object({
      firstMs: wholeNumber(0, MAX_DURATION_MS),
      factor: z.number().min(1).max(100).nullable(),
      maxMs: wholeNumber(0, MAX_DURATION_MS),
    }),
  }),
  permissions: z.object({
    canPublish: z.boolean(),
    canSubscribe: z.boolean(),
    canPublishData: z.boolean(),
    canUpdateOwnMetadata: z.boolean(),
    hidden: z.boolean(),
  }),
  /** Template of the participant's identity; null: "agent-{jobId}". */
  identity: z.string().min(1).max(MAX_IDENTITY_CHARS).nullable(),
  /** Empty when the agent gives it by a function: then its host is asked (`hooks.participant`). */
  participant: z.object({
    name: z.string().nullable(),
    metadata: z.string().nullable(),
    attributes: z.record(z.string(), z.string()),
  }),
  osPermissions: z.object({ net: z.union([z.boolean(), osTexts]), env: osTexts, read: osTexts }),
  /** JSON Schema of the metadata as a dispatch must give it; null without a schema. */
  metadataSchema: z.record(z.string(), z.unknown()).nullable(),
  hasMetadataSchema: z.boolean(),
  hasPrewarm: z.boolean(),
  /** Which hooks the agent has: only these are asked. */
  hooks: z.record(z.enum(HOOK_NAMES), z.boolean()),
});

export type AgentDescriptor = z.infer<typeof agentDescriptorSchema>;

/** Describes a defined agent. A schema that JSON Schema can't fully express is described as far as it can be. */
export function describeAgent({ options }: AgentDefinition): AgentDescriptor {
  const schema = options.metadata;
  const participant = typeof options.participant === "object" ? options.participant : {};
  return {
    name: options.name,
    jobType: options.jobType ?? "room",
    dispatch: options.dispatch ?? "explicit",
    namespace: options.namespace ?? "",
    deployment: options.deployment ?? "",
    isolation: options.isolation ?? "process",
    jobsPerProcess: options.jobsPerProcess ?? 1,
    warmSlots: options.warmSlots ?? null,
    maxJobs: options.maxJobs ?? null,
    memoryLimitMb: options.memoryLimitMb ?? null,
    heapLimitMb: options.heapLimitMb ?? null,
    readiness: options.readiness ?? "connected",
    timeoutMs: options.timeoutMs ?? null,
    aloneTimeoutMs: options.aloneTimeoutMs ?? null,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? null,
    shutdownGraceMs: options.shutdownGraceMs ?? null,
    recovery: describeRecovery(options.recovery),
    permissions: {
      canPublish: options.permissions?.canPublish ?? true,
      canSubscribe: options.permissions?.canSubscribe ?? true,
      canPublishData: options.permissions?.canPublishData ?? true,
      canUpdateOwnMetadata: options.permissions?.canUpdateOwnMetadata ?? true,
      hidden: options.permissions?.hidden ?? false,
    },
    identity: options.identity ?? null,
    participant: {
      name: participant.name ?? null,
      metadata: participant.metadata ?? null,
      attributes: participant.attributes ?? {},
    },
    osPermissions: {
      net: options.osPermissions?.net ?? true,
      env: options.osPermissions?.env ?? [],
      read: options.osPermissions?.read ?? [],
    },
    metadataSchema: schema === undefined ? null : jsonSchemaOf(schema),
    hasMetadataSchema: schema !== undefined,
    hasPrewarm: options.prewarm !== undefined,
    hooks: Object.fromEntries(HOOK_NAMES.map((name) => [name, hookOf(options, name) !== null])) as Record<
      HookName,
      boolean
    >,
  };
}

/** The agent's own function behind a hook; null when it has none. */
export function hookOf(options: AgentDefinition["options"], name: HookName): ((input: never) => unknown) | null {
  const { accept, priority, load, participant, recovery = {} } = options;
  const { decide, onRecoveryAttempt, onRecovered, onRecoveryFailed } = recovery;
  const hooks = { accept, priority, load, participant, decide, onRecoveryAttempt, onRecovered, onRecoveryFailed };
  const found = hooks[name];
  return typeof found === "function" ? found : null;
}

function describeRecovery({ maxAttempts, maxAgeMs, backoff }: RecoveryPolicy = {}): AgentDescriptor["recovery"] {
  return {
    maxAttempts: maxAttempts ?? null,
    maxAgeMs: maxAgeMs ?? null,
    backoff: {
      firstMs: backoff?.firstMs ?? null,
      factor: backoff?.factor ?? null,
      maxMs: backoff?.maxMs ?? null,
    },
  };
}

function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  // Through JSON, because zod attaches a non-enumerable validator and messages carry plain data only.
  return JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })));
}
