/**
 * An agent in plain JSON: what the control plane, which never loads an agent file, knows about it. Made in the agent's
 * host process (which runs user code), so the receiving side parses it with `agentDescriptorSchema`.
 */
import { z } from "zod";
import type { AgentDefinition } from "./define_agent.ts";

const osText = z.string().min(1).max(4_096);
const osTexts = z.array(osText).max(1_000);

/** null stands for "not set: the instance's setting applies". */
export const agentDescriptorSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  jobType: z.enum(["room", "participant", "publisher"]),
  dispatch: z.enum(["explicit", "automatic"]),
  warmSlots: z.number().int().min(0).max(1_000).nullable(),
  maxJobs: z.number().int().min(1).max(100_000).nullable(),
  readiness: z.enum(["connected", "explicit"]),
  shutdownGraceMs: z.number().int().min(0).max(600_000).nullable(),
  permissions: z.object({
    canPublish: z.boolean(),
    canSubscribe: z.boolean(),
    canPublishData: z.boolean(),
    canUpdateOwnMetadata: z.boolean(),
    hidden: z.boolean(),
  }),
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
});

export type AgentDescriptor = z.infer<typeof agentDescriptorSchema>;

/** Describes a defined agent. A schema that JSON Schema can't fully express is described as far as it can be. */
export function describeAgent({ options }: AgentDefinition): AgentDescriptor {
  const schema = options.metadata;
  return {
    name: options.name,
    jobType: options.jobType ?? "room",
    dispatch: options.dispatch ?? "explicit",
    warmSlots: options.warmSlots ?? null,
    maxJobs: options.maxJobs ?? null,
    readiness: options.readiness ?? "connected",
    shutdownGraceMs: options.shutdownGraceMs ?? null,
    permissions: {
      canPublish: options.permissions?.canPublish ?? true,
      canSubscribe: options.permissions?.canSubscribe ?? true,
      canPublishData: options.permissions?.canPublishData ?? true,
      canUpdateOwnMetadata: options.permissions?.canUpdateOwnMetadata ?? true,
      hidden: options.permissions?.hidden ?? false,
    },
    participant: {
      name: options.participant?.name ?? null,
      metadata: options.participant?.metadata ?? null,
      attributes: options.participant?.attributes ?? {},
    },
    osPermissions: {
      net: options.osPermissions?.net ?? true,
      env: options.osPermissions?.env ?? [],
      read: options.osPermissions?.read ?? [],
    },
    metadataSchema: schema === undefined ? null : jsonSchemaOf(schema),
    hasMetadataSchema: schema !== undefined,
    hasPrewarm: options.prewarm !== undefined,
  };
}

function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  // Through JSON, because zod attaches a non-enumerable validator and messages carry plain data only.
  return JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })));
}
