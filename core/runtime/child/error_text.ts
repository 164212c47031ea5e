/** Errors of user code as plain data, cut to what a message may carry. */

const MAX_NAME_CHARS = 256;
const MAX_TEXT_CHARS = 16_000;

export interface ErrorText {
  name: string;
  message: string;
  stack?: string;
}

/** User code may throw anything, also things whose properties throw. */
export function describeError(error: unknown): ErrorText {
  try {
    if (!(error instanceof Error)) return { name: "Error", message: cut(`Thrown: ${Deno.inspect(error)}`) };
    const text = { name: cut(String(error.name), MAX_NAME_CHARS), message: cut(String(error.message)) };
    return typeof error.stack === "string" ? { ...text, stack: cut(withCause(error, error.stack)) } : text;
  } catch {
    return { name: "Error", message: "An error that can't be read was thrown" };
  }
}

/** One text with the place in the file, for a person who has to mend it. */
export function errorText(error: unknown): string {
  const { name, message, stack } = describeError(error);
  return stack !== undefined && stack.includes(message) ? stack : cut(`${name}: ${message}\n${stack ?? ""}`.trimEnd());
}

function withCause(error: Error, stack: string): string {
  return error.cause === undefined ? stack : `${stack}\nCaused by: ${describeError(error.cause).stack ?? error.cause}`;
}

function cut(text: string, limit = MAX_TEXT_CHARS): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
