/** Checks a dispatch's metadata: its size, and the agent's schema when it has one (which runs in the agent's host). */
import { PRIORITIES, type Priority } from "../../db/schema/states.ts";
import type { AgentEntry } from "../runtime/agent_catalog.ts";
import type { DispatchRefusal } from "./refusal.ts";

export type MetadataVerdict = { ok: true; metadata: unknown } | { ok: false; refusal: DispatchRefusal };

/** Lists and objects in each other; deeper ones overflow stacks, here or in Postgres. */
const MAX_DEPTH = 100;

/** @returns the metadata as the agent will see it, or the refusal that names each wrong field. */
export async function checkMetadata(agent: AgentEntry, given: unknown, maxBytes: number): Promise<MetadataVerdict> {
  const verdict = refuseUnstorable(given) ?? await checkByAgent(agent, given, maxBytes);
  return verdict.ok ? refuseUnstorable(verdict.metadata) ?? verdict : verdict;
}

async function checkByAgent(agent: AgentEntry, given: unknown, maxBytes: number): Promise<MetadataVerdict> {
  const bytes = given === undefined
    ? 0
    : new TextEncoder().encode(typeof given === "string" ? given : JSON.stringify(given)).length;
  if (bytes > maxBytes) return refuse({ code: "metadata_too_large", bytes, maxBytes });
  if (!agent.descriptor?.hasMetadataSchema) return { ok: true, metadata: given ?? null };
  const parsed = typeof given === "string" ? parseJson(given) : { ok: true as const, value: given };
  if (!parsed.ok) {
    return refuse({
      code: "invalid_metadata",
      errors: [{ path: "metadata", message: "must be JSON, because the agent has a schema" }],
    });
  }
  const result = await agent.validateMetadata(withoutReserved(parsed.value, agent.descriptor.metadataSchema));
  if (result.ok) return { ok: true, metadata: result.metadata ?? null };
  if ("timedOut" in result) {
    return refuse({ code: "metadata_unchecked", message: result.errors[0]?.message ?? "timed out" });
  }
  return refuse({
    code: "invalid_metadata",
    errors: result.errors.map(({ path, message }) => ({
      path: path === "" ? "metadata" : `metadata.${path}`,
      message,
    })),
  });
}

/** `priority` inside the metadata, which callers without access to the body's field use (LiveKit's own dispatches). */
export function priorityInMetadata(metadata: unknown): Priority | null {
  const value = typeof metadata === "object" && metadata !== null
    ? (metadata as Record<string, unknown>).priority
    : undefined;
  return PRIORITIES.find((priority) => priority === value) ?? null;
}

/** Takes `priority` out before validation, unless the agent's schema names it. */
function withoutReserved(metadata: unknown, schema: Record<string, unknown> | null): unknown {
  if (priorityInMetadata(metadata) === null) return metadata;
  const properties = schema?.properties;
  if (typeof properties === "object" && properties !== null && "priority" in properties) return metadata;
  const { priority: _reserved, ...rest } = metadata as Record<string, unknown>;
  return rest;
}

/** What JSON can say and Postgres can't keep; null when there is nothing of it. */
function refuseUnstorable(metadata: unknown): MetadataVerdict | null {
  const message = unstorable(metadata, 0);
  return message === null ? null : refuse({ code: "invalid_metadata", errors: [{ path: "metadata", message }] });
}

function unstorable(value: unknown, depth: number): string | null {
  if (typeof value === "string") {
    if (value.includes("\0")) return "must not contain the character U+0000";
    return value.isWellFormed() ? null : "must not contain half a surrogate pair";
  }
  if (typeof value !== "object" || value === null) return null;
  if (depth === MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`;
  for (const [key, part] of Object.entries(value)) {
    const message = unstorable(key, depth) ?? unstorable(part, depth + 1);
    if (message !== null) return message;
  }
  return null;
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false }; // answered to the caller as invalid_metadata
  }
}

function refuse(refusal: DispatchRefusal): MetadataVerdict {
  return { ok: false, refusal };
}
