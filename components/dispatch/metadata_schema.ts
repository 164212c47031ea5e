/** A form from an agent's metadata JSON Schema: which fields it has, and the metadata that their values make. Pure. */

export interface MetadataField {
  name: string;
  /** "json": anything that is not one plain value is written as JSON. */
  kind: "text" | "number" | "integer" | "boolean" | "choice" | "json";
  isRequired: boolean;
  choices: string[];
  /** As it is shown in the field; "" for none. */
  initial: string;
  description: string | null;
}

export interface FieldError {
  /** Name of the field; "metadata" for the JSON text, "agent" and "room" for the others of the form. */
  path: string;
  message: string;
}

export type MetadataResult = { ok: true; metadata: unknown } | { ok: false; errors: FieldError[] };

type Schema = Record<string, unknown>;

/** Null when the schema can't be shown as fields (it is no object): JSON is written then. */
export function fieldsOf(schema: Schema | null): MetadataField[] | null {
  if (schema === null || schema.type !== "object" || !isRecord(schema.properties)) return null;
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties).filter(([, property]) => isRecord(property)).map(([name, property]) =>
    fieldOf(name, property as Schema, required.includes(name))
  );
}

function fieldOf(name: string, property: Schema, isRequired: boolean): MetadataField {
  const choices = Array.isArray(property.enum) && property.enum.every((value) => typeof value === "string")
    ? property.enum
    : [];
  const kind = choices.length > 0 ? "choice" : kindOf(property);
  return {
    name,
    kind,
    // A field with a default may be left out, whatever `required` says of the parsed form.
    isRequired: isRequired && property.default === undefined,
    choices,
    initial: initialOf(property, kind),
    description: typeof property.description === "string" ? property.description : null,
  };
}

function kindOf({ type }: Schema): MetadataField["kind"] {
  if (type === "string") return "text";
  return type === "number" || type === "integer" || type === "boolean" ? type : "json";
}

function initialOf(property: Schema, kind: MetadataField["kind"]): string {
  const { default: value } = property;
  if (value === undefined) return kind === "json" && property.type === "object" ? skeletonOf(property) : "";
  return kind === "json" ? JSON.stringify(value) : String(value);
}

/** An object's required names with empty values, so that one sees what is asked for. */
function skeletonOf({ properties, required }: Schema): string {
  if (!isRecord(properties) || !Array.isArray(required)) return "";
  const empty = (property: unknown) => !isRecord(property) ? null : property.type === "string" ? "" : null;
  return JSON.stringify(Object.fromEntries(required.map((name) => [name, empty(properties[name])])));
}

/** "text, required", "one of 4", "whole number". */
export function hintOf({ kind, isRequired, choices }: MetadataField): string {
  const words = {
    text: "text",
    number: "number",
    integer: "whole number",
    boolean: "",
    choice: `one of ${choices.length}`,
    json: "JSON",
  };
  return [words[kind], isRequired ? "required" : ""].filter(Boolean).join(", ");
}

/** Values by field name, as the form holds them; "on" is a ticked box. */
export function metadataOfFields(fields: readonly MetadataField[], values: Record<string, string>): MetadataResult {
  const errors: FieldError[] = [];
  const metadata: Record<string, unknown> = {};
  for (const field of fields) {
    const text = values[field.name] ?? "";
    if (field.kind === "boolean") {
      metadata[field.name] = text === "on" || text === "true";
    } else if (text.trim() === "" && field.kind !== "text") {
      if (field.isRequired) errors.push({ path: field.name, message: "Is required." });
    } else if (text === "" && !field.isRequired) {
      continue;
    } else {
      const read = readValue(field, text);
      if (read.ok) metadata[field.name] = read.value;
      else errors.push({ path: field.name, message: read.message });
    }
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, metadata };
}

/** The JSON text of the form; empty is no metadata. */
export function metadataOfJson(text: string): MetadataResult {
  if (text.trim() === "") return { ok: true, metadata: undefined };
  try {
    const metadata = JSON.parse(text);
    if (isRecord(metadata) || typeof metadata === "string") return { ok: true, metadata };
    return { ok: false, errors: [{ path: "metadata", message: "An object or a text in quotes is needed." }] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, errors: [{ path: "metadata", message: `This is not JSON: ${reason}.` }] };
  }
}

function readValue(
  { kind }: MetadataField,
  text: string,
): { ok: true; value: unknown } | { ok: false; message: string } {
  if (kind === "json") {
    try {
      return { ok: true, value: JSON.parse(text) };
    } catch (error) {
      return { ok: false, message: `This is not JSON: ${error instanceof Error ? error.message : error}.` };
    }
  }
  if (kind === "text" || kind === "choice") return { ok: true, value: text };
  const value = Number(text);
  if (kind === "integer" && !Number.isSafeInteger(value)) {
    const digits = /^-?\d+/.exec(text.trim())?.[0];
    return { ok: false, message: `A whole number is needed${digits === undefined ? "" : `: try ${digits}`}.` };
  }
  return Number.isFinite(value) ? { ok: true, value } : { ok: false, message: "A number is needed." };
}

function isRecord(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
