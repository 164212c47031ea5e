import { deepEqual, equal, ok } from "node:assert/strict";
import { z } from "zod";
import { fieldsOf, hintOf, metadataOfFields, metadataOfJson } from "../../../components/dispatch/metadata_schema.ts";

const schema = JSON.parse(JSON.stringify(z.toJSONSchema(
  z.object({
    customer: z.string().min(1),
    language: z.enum(["de", "en"]).default("en"),
    ticket: z.int().optional(),
    ratio: z.number().optional(),
    recordCall: z.boolean().default(true),
    address: z.object({ city: z.string() }),
  }),
  { io: "input" },
)));
const fields = fieldsOf(schema) ?? [];

Deno.test("fieldsOf makes a field of each property, with defaults filled in", () => {
  deepEqual(fields.map(({ name, kind, isRequired, initial }) => [name, kind, isRequired, initial]), [
    ["customer", "text", true, ""],
    ["language", "choice", false, "en"],
    ["ticket", "integer", false, ""],
    ["ratio", "number", false, ""],
    ["recordCall", "boolean", false, "true"],
    ["address", "json", true, '{"city":""}'],
  ]);
  deepEqual(fields.map(hintOf), ["text, required", "one of 2", "whole number", "number", "", "JSON, required"]);
});

Deno.test("fieldsOf is null for what is no object, so that JSON is written", () => {
  equal(fieldsOf(null), null);
  equal(fieldsOf({ type: "string" }), null);
});

Deno.test("metadataOfFields reads each kind and leaves out what is empty", () => {
  const values = {
    customer: "parcelway",
    language: "de",
    ticket: "88412",
    recordCall: "on",
    address: '{"city":"Kiel"}',
  };
  deepEqual(metadataOfFields(fields, values), {
    ok: true,
    metadata: { customer: "parcelway", language: "de", ticket: 88412, recordCall: true, address: { city: "Kiel" } },
  });
});

Deno.test("metadataOfFields says which field does not fit and what would", () => {
  const result = metadataOfFields(fields, { customer: "x", ticket: "8841-B", ratio: "much", address: "{" });
  ok(!result.ok);
  deepEqual(result.errors.map(({ path }) => path), ["ticket", "ratio", "address"]);
  equal(result.errors[0]?.message, "A whole number is needed: try 8841.");
});

Deno.test("metadataOfJson takes an object, a text or nothing", () => {
  deepEqual(metadataOfJson('{"a":1}'), { ok: true, metadata: { a: 1 } });
  deepEqual(metadataOfJson('"plain"'), { ok: true, metadata: "plain" });
  deepEqual(metadataOfJson("  "), { ok: true, metadata: undefined });
  for (const text of ["[1]", "42", "null", "{"]) equal(metadataOfJson(text).ok, false, text);
});
