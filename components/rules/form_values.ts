/** A rule as the fields of a form, and back. Pure. */
import type { FieldError } from "../dispatch/metadata_schema.ts";
import type { RuleView } from "../../core/dispatch/rules/rule_schema.ts";

export interface RuleFormValues {
  name: string;
  agent: string;
  event: string;
  roomPattern: string;
  /** "" is any. */
  participantKind: string;
  /** One `name=value` a line. */
  participantAttributes: string;
  /** JSON; "" is none. */
  metadata: string;
  /** "" is what the agent says. */
  priority: string;
}

export const EMPTY_RULE: RuleFormValues = {
  ...{ name: "", agent: "", event: "room_started", roomPattern: "" },
  ...{ participantKind: "", participantAttributes: "", metadata: "", priority: "" },
};

export function valuesOfRule(rule: RuleView): RuleFormValues {
  const { name, agent, event, roomPattern, participantKind, participantAttributes, metadata, priority } = rule;
  return {
    ...{ name, agent, event, roomPattern },
    participantKind: participantKind ?? "",
    participantAttributes: attributeLines(participantAttributes ?? {}).join("\n"),
    metadata: metadata === null ? "" : JSON.stringify(metadata, null, 2),
    priority: priority ?? "",
  };
}

export function attributeLines(attributes: Readonly<Record<string, string>>): string[] {
  return Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
}

export function valuesOfForm(form: FormData): RuleFormValues {
  const names = Object.keys(EMPTY_RULE) as (keyof RuleFormValues)[];
  const read = (name: string) => String(form.get(name) ?? "").replaceAll("\r\n", "\n").trim();
  return Object.fromEntries(names.map((name) => [name, read(name)])) as unknown as RuleFormValues;
}

/** The body for REST, or which fields can't be read. */
export function bodyOfRule(
  values: RuleFormValues,
): { ok: true; body: Record<string, unknown> } | { ok: false; errors: FieldError[] } {
  const { name, agent, event, roomPattern, participantKind, participantAttributes, metadata, priority } = values;
  const attributes = readAttributes(participantAttributes);
  const given = readJson(metadata);
  const errors: FieldError[] = [
    ...(attributes === null ? [{ path: "participantAttributes", message: "Write one name=value a line." }] : []),
    ...(given.ok ? [] : [{ path: "metadata", message: "This is not JSON." }]),
  ];
  if (attributes === null || !given.ok) return { ok: false, errors };
  const body = {
    ...{ name, agent, event, roomPattern, metadata: given.value },
    participantKind: participantKind === "" ? null : participantKind,
    participantAttributes: Object.keys(attributes).length === 0 ? null : attributes,
    priority: priority === "" ? null : priority,
  };
  return { ok: true, body };
}

function readAttributes(text: string): Record<string, string> | null {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const pairs = lines.map((line) => /^([^=]+)=(.*)$/.exec(line));
  if (pairs.includes(null)) return null;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim() ?? "", pair?.[2]?.trim() ?? ""]));
}

function readJson(text: string): { ok: true; value: unknown } | { ok: false } {
  if (text === "") return { ok: true, value: null };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false }; // told at the field
  }
}
