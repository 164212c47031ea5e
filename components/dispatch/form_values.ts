/** What the dispatch form holds, as the browser and the server's plain POST both read it. */
import { type FieldError, fieldsOf, metadataOfFields, metadataOfJson } from "./metadata_schema.ts";

export interface AgentChoice {
  name: string;
  state: "loading" | "ready" | "broken" | "not_hosted";
  metadataSchema: Record<string, unknown> | null;
  /** How many more calls fit here now, and how many of them start warm. */
  free: number;
  warm: number;
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
  priority: string;
  placement: string;
}

export interface DispatchBody {
  agent: string;
  room: string;
  metadata?: unknown;
  priority?: string;
  placement?: string;
}

export type BodyResult = { ok: true; body: DispatchBody } | { ok: false; errors: FieldError[] };

export function emptyValues(agent: AgentChoice | undefined): FormValues {
  const schema = agent?.metadataSchema ?? null;
  return {
    agent: agent?.name ?? "",
    room: "",
    metadataAs: fieldsOf(schema) === null ? "json" : "form",
    fields: initialFields(schema),
    json: "",
    priority: "normal",
    placement: "direct",
  };
}

export function initialFields(schema: Record<string, unknown> | null): Record<string, string> {
  return Object.fromEntries((fieldsOf(schema) ?? []).map(({ name, initial }) => [name, initial]));
}

/** The request that the form stands for. What only the server can know (is the agent there?) is not checked here. */
export function bodyOf(values: FormValues, schema: Record<string, unknown> | null): BodyResult {
  const fields = fieldsOf(schema);
  const read = values.metadataAs === "form" && fields !== null
    ? metadataOfFields(fields, values.fields)
    : metadataOfJson(values.json);
  const errors = read.ok ? [] : read.errors;
  if (values.agent === "") errors.push({ path: "agent", message: "Choose an agent." });
  if (values.room.trim() === "") errors.push({ path: "room", message: "Name a room." });
  if (!read.ok || errors.length > 0) return { ok: false, errors };
  const { agent, priority, placement } = values;
  const { metadata } = read;
  const body = { agent, room: values.room.trim(), priority, placement };
  return { ok: true, body: metadata === undefined ? body : { ...body, metadata } };
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
    priority: text("priority") || "normal",
    placement: text("placement") || "direct",
  };
}

/** For a shell; the key is the reader's own. */
export function curlOf(body: DispatchBody, origin: string): string {
  const json = JSON.stringify(body).replaceAll("'", `'\\''`);
  return `curl -X POST '${origin}/api/v1/dispatches?wait=ready' -H "authorization: Bearer $GREENROOM_API_KEY" ` +
    `-H 'content-type: application/json' -d '${json}'`;
}
