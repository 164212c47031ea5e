/**
 * Metadata of agents that only other instances host: their schema can't run here, so its JSON Schema is used, as the agents'
 * table has it. That refuses what has a wrong shape and fills defaults; what the schema does beyond (transforms, own checks)
 * is left out. So are patterns: somebody else's regular expression could hold up the control plane.
 */
import { z } from "zod";
import { agentDescriptorSchema } from "../agent/descriptor.ts";
import type { AgentEntry } from "../runtime/agent_catalog.ts";
import type { MetadataCheck } from "../runtime/agent_host.ts";

/** What checkMetadata needs of an agent. */
export type MetadataChecker = Pick<AgentEntry, "descriptor" | "validateMetadata">;

const MAX_ERRORS = 100;

/** @param row the agent's descriptor as it is stored. */
export function remoteMetadataChecker(row: unknown): MetadataChecker {
  const descriptor = agentDescriptorSchema.safeParse(row).data;
  if (descriptor === undefined) return { validateMetadata: (metadata) => Promise.resolve({ ok: true, metadata }) };
  const schema = schemaOf(descriptor.metadataSchema);
  return { descriptor, validateMetadata: (metadata) => Promise.resolve(check(schema, metadata)) };
}

function check(schema: z.ZodType | null, metadata: unknown): MetadataCheck {
  if (schema === null) return { ok: true, metadata };
  const parsed = schema.safeParse(metadata);
  if (parsed.success) return { ok: true, metadata: parsed.data ?? null };
  const errors = parsed.error.issues.slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ path: path.map(String).join("."), message }));
  return { ok: false, errors };
}

/** Null: it has none, or one that JSON Schema or zod can't say. */
function schemaOf(jsonSchema: Record<string, unknown> | null): z.ZodType | null {
  if (jsonSchema === null) return null;
  try {
    return z.fromJSONSchema(withoutPatterns(jsonSchema) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    // The agent's own instance says what is wrong when the job starts.
    return null;
  }
}

/** `pattern` of a schema is a text; a property of that name has a schema. */
function withoutPatterns(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPatterns);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key, part]) =>
    key !== "patternProperties" && !(key === "pattern" && typeof part === "string")
  );
  return Object.fromEntries(kept.map(([key, part]) => [key, withoutPatterns(part)]));
}
