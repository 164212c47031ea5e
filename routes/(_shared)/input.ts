/** Reads and validates what comes from outside: bounded bodies, query strings, cursors. */
import type { z } from "zod";
import { type Cursor, decodeCursor } from "../../db/page.ts";
import { invalidInput, problem } from "./problem.ts";

export type Input<T> = { ok: true; value: T } | { ok: false; response: Response };

/** The JSON body, at most `maxBytes`; `{}` when there is none. */
export async function readJson<T>(request: Request, schema: z.ZodType<T>, maxBytes: number): Promise<Input<T>> {
  const text = await readText(request, maxBytes);
  if (!text.ok) return text;
  let raw: unknown;
  try {
    raw = text.value.trim() === "" ? {} : JSON.parse(text.value);
  } catch (error) {
    const response = problem({
      status: 400,
      code: "invalid_json",
      title: "The body is not JSON",
      detail: `The body could not be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
      remedy: "Send a JSON object with content-type application/json.",
    });
    return { ok: false, response };
  }
  const parsed = schema.safeParse(raw);
  return parsed.success
    ? { ok: true, value: parsed.data }
    : { ok: false, response: invalidInput(parsed.error, "body") };
}

/** The body as text; refused with 413 as soon as it grows past `maxBytes`, whatever its content-length said. */
export async function readText(request: Request, maxBytes: number): Promise<Input<string>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) return { ok: false, response: bodyTooLarge(maxBytes) };
    chunks.push(chunk);
  }
  return { ok: true, value: await new Blob(chunks as BlobPart[]).text() };
}

/** The fields of a page's form (urlencoded), at most `maxBytes`; none when the body is something else. */
export async function readForm(request: Request, maxBytes: number): Promise<Input<FormData>> {
  const text = await readText(request, maxBytes);
  if (!text.ok) return text;
  const form = new FormData();
  for (const [name, value] of new URLSearchParams(text.value)) form.append(name, value);
  return { ok: true, value: form };
}

function bodyTooLarge(maxBytes: number): Response {
  return problem({
    status: 413,
    code: "body_too_large",
    title: "The body is too large",
    detail: `The body is larger than ${maxBytes} bytes.`,
    remedy: "Send less, or raise GREENROOM_MAX_BODY_BYTES.",
  });
}

export function readQuery<T>(url: URL, schema: z.ZodType<T>): Input<T> {
  const parsed = schema.safeParse(Object.fromEntries(url.searchParams));
  return parsed.success
    ? { ok: true, value: parsed.data }
    : { ok: false, response: invalidInput(parsed.error, "query") };
}

/** A cursor that we made, null for none. */
export function readCursor(text: string | undefined): Input<Cursor | null> {
  if (text === undefined) return { ok: true, value: null };
  const cursor = decodeCursor(text);
  if (cursor) return { ok: true, value: cursor };
  const response = problem({
    status: 400,
    code: "invalid_request",
    title: "The request is not valid",
    detail: "cursor: is not one that this API gave out",
    remedy: "Take nextCursor of the page before, unchanged, or leave it out for the first page.",
    errors: [{ path: "cursor", message: "is not one that this API gave out" }],
  });
  return { ok: false, response };
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
