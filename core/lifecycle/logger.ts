/** Structured logs. The only file of the control plane that writes to the console. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes one event per call; `with` binds fields (job, room, dispatch, trace ids) to every event of the returned logger. An
 * event whose `error` says `isTold` is written as debug: somebody has said it once, for all that follows from it.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  level: LogLevel;
  format: "json" | "text";
  now?: () => Date;
  /** Where a finished line goes; the console unless a test listens. */
  write?: (line: string, level: LogLevel) => void;
}

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };
const SECRET_NAME = /token|secret|password|authorization|api_?key|cookie/i;
const MAX_FIELD_CHARS = 4_000;
/** Of lists and objects inside a field; also ends circles. */
const MAX_DEPTH = 4;
const MAX_ENTRIES = 100;
/** An event's own; a field of the same name gets a "_" at its end. */
const OWN_NAMES: ReadonlySet<string> = new Set(["at", "level", "message"]);

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const write = options.write ?? writeToConsole;
  const now = options.now ?? (() => new Date());
  function emit(given: LogLevel, message: string, fields: LogFields): void {
    const level = isTold(fields.error) ? "debug" : given;
    if (RANK[level] < RANK[options.level]) return;
    const event = { ...bound, ...fields };
    write(
      options.format === "json" ? jsonLine(now(), level, message, event) : textLine(now(), level, message, event),
      level,
    );
  }
  return {
    debug: (message, fields = {}) => emit("debug", message, fields),
    info: (message, fields = {}) => emit("info", message, fields),
    warn: (message, fields = {}) => emit("warn", message, fields),
    error: (message, fields = {}) => emit("error", message, fields),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** A logger that drops everything; for tests and short-lived tools. */
export const silentLogger: Logger = createLogger({ level: "error", format: "json", write: () => {} });

function isTold(error: unknown): boolean {
  return error instanceof Error && (error as { isTold?: unknown }).isTold === true;
}

function jsonLine(at: Date, level: LogLevel, message: string, fields: LogFields): string {
  const plain: Record<string, unknown> = { at: at.toISOString(), level, message };
  for (const [name, value] of Object.entries(fields)) {
    plain[OWN_NAMES.has(name) ? `${name}_` : name] = printable(name, value);
  }
  return JSON.stringify(plain);
}

function textLine(at: Date, level: LogLevel, message: string, fields: LogFields): string {
  const rest = Object.entries(fields).map(([name, value]) => {
    const shown = printable(name, value);
    return `${name}=${typeof shown === "string" && !/[\s"=]/.test(shown) ? shown : JSON.stringify(shown)}`;
  });
  return [at.toISOString().slice(11, 23), level.toUpperCase().padEnd(5), message, ...rest].join(" ");
}

/** Secrets are recognised by the field's name, at any depth, and never printed; errors become text; long things are cut. */
function printable(name: string, value: unknown, depth = 0): unknown {
  if (SECRET_NAME.test(name)) return "[redacted]";
  if (value instanceof Error) return cut(value.stack ?? `${value.name}: ${value.message}`);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return cut(String(value));
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) return "[…]";
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => printable("", item, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([key, part]) => [key, printable(key, part, depth + 1)]));
}

function cut(text: string): string {
  return text.length <= MAX_FIELD_CHARS ? text : `${text.slice(0, MAX_FIELD_CHARS)}… (${text.length} characters)`;
}

function writeToConsole(line: string, level: LogLevel): void {
  if (level === "error" || level === "warn") console.error(line);
  else console.log(line);
}
