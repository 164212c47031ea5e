/** Checks a dispatch's metadata: its size, and the agent's schema when it has one (which runs in the agent's host). */
import { PRIORITIES, type Priority } from "../../db/schema/states.ts";
import type { DispatchRefusal } from "./refusal.ts";
import type { MetadataChecker } from "./remote_agent.ts";

export type MetadataVerdict = { ok: true; metadata: unknown } | { ok: false; refusal: DispatchRefusal };

/** Lists and objects in each other; deeper ones overflow stacks, here or in Postgres. */
const MAX_DEPTH = 100;
/** A week. */
const MAX_TIMEOUT_SECONDS = 604_800;

/** @returns the metadata as the agent will see it, or the refusal that names each wrong field. */
export async function checkMetadata(
  agent: MetadataChecker,
  given: unknown,
  maxBytes: number,
): Promise<MetadataVerdict> {
  const verdict = refuseUnstorable(given) ?? await checkByAgent(agent, given, maxBytes);
  return verdict.ok ? refuseUnstorable(verdict.metadata) ?? verdict : verdict;
}

async function checkByAgent(agent: MetadataChecker, given: unknown, maxBytes: number): Promise<MetadataVerdict> {
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
  const schema = agent.descriptor.metadataSchema;
  const wrongTimeout = isNamed(schema, "timeout") ? null : timeoutRefusal(parsed.value);
  if (wrongTimeout !== null) return wrongTimeout;
  const result = await agent.validateMetadata(withoutReserved(parsed.value, schema));
  if (result.ok) return { ok: true, metadata: withTimeoutKept(result.metadata ?? null, parsed.value, schema) };
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

/** `timeout` inside the metadata, in seconds there: the longest time from entry to end. Also of metadata that is JSON text. */
export function timeoutInMetadataMs(metadata: unknown): number | null {
  const value = numberNamedTimeout(metadata);
  return value !== null && isTimeout(value) ? Math.ceil(value * 1_000) : null;
}

/** The metadata as the agent sees it: without the `timeout` that is kept with it, unless its schema names that. */
export function metadataForAgent(metadata: unknown, schema: Record<string, unknown> | null): unknown {
  if (schema === null || isNamed(schema, "timeout") || !isRecord(metadata)) return metadata;
  return without("timeout", metadata);
}

/** Takes `priority` and `timeout` out before validation, unless the agent's schema names them. */
function withoutReserved(metadata: unknown, schema: Record<string, unknown> | null): unknown {
  if (!isRecord(metadata)) return metadata;
  const rest = priorityInMetadata(metadata) === null || isNamed(schema, "priority")
    ? metadata
    : without("priority", metadata);
  return timeoutInMetadataMs(rest) === null || isNamed(schema, "timeout") ? rest : without("timeout", rest);
}

/** The limit stays with the dispatch, for a job that starts later and for a retry; `metadataForAgent` takes it out. */
function withTimeoutKept(parsed: unknown, given: unknown, schema: Record<string, unknown> | null): unknown {
  if (isNamed(schema, "timeout") || timeoutInMetadataMs(given) === null) return parsed;
  return isRecord(parsed) || parsed === null ? { ...parsed, timeout: numberNamedTimeout(given) } : parsed;
}

function timeoutRefusal(metadata: unknown): MetadataVerdict | null {
  const value = numberNamedTimeout(metadata);
  if (value === null || isTimeout(value)) return null;
  const message = `must be more than 0 and at most ${MAX_TIMEOUT_SECONDS} seconds`;
  return refuse({ code: "invalid_metadata", errors: [{ path: "metadata.timeout", message }] });
}

function isTimeout(seconds: number): boolean {
  return seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS;
}

function numberNamedTimeout(metadata: unknown): number | null {
  const parsed = typeof metadata === "string" && metadata.startsWith("{") ? parseJson(metadata) : null;
  const value = parsed?.ok ? parsed.value : metadata;
  return isRecord(value) && typeof value.timeout === "number" ? value.timeout : null;
}

function isNamed(schema: Record<string, unknown> | null, field: string): boolean {
  return isRecord(schema?.properties) && field in schema.properties;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function without(field: string, metadata: Record<string, unknown>): Record<string, unknown> {
  const { [field]: _taken, ...rest } = metadata;
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
