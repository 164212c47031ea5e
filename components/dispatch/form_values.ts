/** What the dispatch form holds, as the browser and the server's plain POST both read it. */
import type { Zone } from "../format.ts";
import { type FieldError, fieldsOf, metadataOfFields, metadataOfJson } from "./metadata_schema.ts";

export interface AgentChoice {
  name: string;
  /** "unknown": only instances have it that have not been heard of for a while. */
  state: "loading" | "ready" | "broken" | "not_hosted" | "unknown";
  metadataSchema: Record<string, unknown> | null;
  /** How many more calls fit now, and how many of them start warm; null: not known. */
  free: number | null;
  warm: number | null;
  jobType: "room" | "participant" | "publisher";
  /** Median of its last dispatches; null: none yet. */
  usualReadyMs: number | null;
}

export interface RoomChoice {
  name: string;
  note: string;
}

export interface FormValues {
  agent: string;
  room: string;
  /** Which of the two metadata forms counts. */
  metadataAs: "form" | "json";
  fields: Record<string, string>;
  json: string;
  /** Empty: what the metadata, the agent or its kind of jobs says. */
  priority: string;
  placement: string;
  /** Whom an agent for participants is for. */
  participantIdentity: string;
  /** "2030-01-02T03:04" in the zone of the page; empty: now. */
  startAt: string;
  /** Seconds; empty: never. */
  expiresAfter: string;
}

export interface DispatchBody {
  agent: string;
  room: string;
  metadata?: unknown;
  priority?: string;
  placement?: string;
  participantIdentity?: string;
  scheduledAt?: string;
  deadlineMs?: number;
}

/** Of values that were kept before the form had these fields, too. */
export const NO_WISHES = { participantIdentity: "", startAt: "", expiresAfter: "" } as const;

export type BodyResult = { ok: true; body: DispatchBody } | { ok: false; errors: FieldError[] };

export function emptyValues(agent: AgentChoice | undefined): FormValues {
  const schema = agent?.metadataSchema ?? null;
  return {
    agent: agent?.name ?? "",
    room: "",
    metadataAs: fieldsOf(schema) === null ? "json" : "form",
    fields: initialFields(schema),
    json: "",
    priority: "",
    placement: "direct",
    ...NO_WISHES,
  };
}

export function initialFields(schema: Record<string, unknown> | null): Record<string, string> {
  return Object.fromEntries((fieldsOf(schema) ?? []).map(({ name, initial }) => [name, initial]));
}

/**
 * The request that the form stands for. What only the server can know (is the agent there?) is not checked here.
 * @param zone in which `startAt` is meant: without JavaScript always UTC.
 */
export function bodyOf(values: FormValues, schema: Record<string, unknown> | null, zone: Zone = "utc"): BodyResult {
  const fields = fieldsOf(schema);
  const read = values.metadataAs === "form" && fields !== null
    ? metadataOfFields(fields, values.fields)
    : metadataOfJson(values.json);
  const errors = read.ok ? [] : read.errors;
  if (values.agent === "") errors.push({ path: "agent", message: "Choose an agent." });
  if (values.room.trim() === "") errors.push({ path: "room", message: "Name a room." });
  const scheduledAt = instantOf(values.startAt, zone);
  if (scheduledAt === null) errors.push({ path: "scheduledAt", message: "Give a date and a time." });
  const seconds = Number(values.expiresAfter);
  if (!(seconds >= 0)) errors.push({ path: "deadlineMs", message: "Give a number of seconds." });
  if (!read.ok || errors.length > 0) return { ok: false, errors };
  const { agent, priority, placement, participantIdentity } = values;
  const { metadata } = read;
  const body: DispatchBody = { agent, room: values.room.trim(), ...(priority === "" ? {} : { priority }), placement };
  if (metadata !== undefined) body.metadata = metadata;
  if (participantIdentity !== "") body.participantIdentity = participantIdentity;
  if (scheduledAt) body.scheduledAt = scheduledAt;
  if (values.expiresAfter !== "") body.deadlineMs = Math.round(seconds * 1_000);
  return { ok: true, body };
}

/** "" for none; null for what is no time. */
function instantOf(text: string, zone: Zone): string | null {
  if (text === "") return "";
  const at = new Date(zone === "utc" ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** Fields named `meta.<name>` are those of the metadata. */
export function valuesOf(form: FormData): FormValues {
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : "";
  };
  const fields: Record<string, string> = {};
  for (const [name, value] of form) {
    if (name.startsWith("meta.") && typeof value === "string") fields[name.slice("meta.".length)] = value;
  }
  return {
    agent: text("agent"),
    room: text("room"),
    metadataAs: text("metadataAs") === "form" ? "form" : "json",
    fields,
    json: text("metadata"),
    priority: text("priority"),
    placement: text("placement") || "direct",
    participantIdentity: text("participantIdentity"),
    startAt: text("startAt"),
    expiresAfter: text("expiresAfter"),
  };
}

/** For a shell; the key is the reader's own. */
export function curlOf(body: DispatchBody, origin: string): string {
  const json = JSON.stringify(body).replaceAll("'", `'\\''`);
  return `curl -X POST '${origin}/api/v1/dispatches?wait=ready' -H "authorization: Bearer $GREENROOM_API_KEY" ` +
    `-H 'content-type: application/json' -d '${json}'`;
}
