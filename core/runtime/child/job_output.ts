/**
 * What user code prints, by ctx.log or by console, on its way to the parent: bounded in lines and bytes per job; what
 * goes beyond is counted and the count reported once, at the end.
 */
import type { JobLog } from "../../agent/job_context.ts";
import type { ChildMessage } from "../messages.ts";

export type OutputLevel = "debug" | "info" | "warn" | "error";
type Fields = Record<string, unknown>;

const MAX_LINE_CHARS = 8_192;
const MAX_FIELDS_CHARS = 8_192;
const MAX_TOTAL_CHARS = 4_194_304;

export class JobOutput implements JobLog {
  #lines = 0;
  #chars = 0;
  #dropped = 0;
  readonly #send: (message: ChildMessage) => void;
  readonly #maxLines: number;
  readonly #jobId: string | undefined;

  /** @param jobId none for lines that belong to loading. */
  constructor(send: (message: ChildMessage) => void, maxLines: number, jobId?: string) {
    this.#send = send;
    this.#maxLines = maxLines;
    this.#jobId = jobId;
  }

  debug(message: string, fields?: Fields): void {
    this.write("debug", message, fields);
  }
  info(message: string, fields?: Fields): void {
    this.write("info", message, fields);
  }
  warn(message: string, fields?: Fields): void {
    this.write("warn", message, fields);
  }
  error(message: string, fields?: Fields): void {
    this.write("error", message, fields);
  }

  write(level: OutputLevel, message: string, fields?: Fields): void {
    const text = cut(String(message), MAX_LINE_CHARS);
    if (this.#lines >= this.#maxLines || this.#chars + text.length > MAX_TOTAL_CHARS) {
      this.#dropped++;
      return;
    }
    this.#lines++;
    const plain = fields === undefined ? undefined : plainFields(fields);
    this.#chars += text.length + (plain?.chars ?? 0);
    this.#emit(level, text, plain?.fields);
  }

  /** Says how many lines were dropped, if any; called once before the job's last message. */
  reportDropped(): void {
    if (this.#dropped === 0) return;
    this.#emit("warn", `${this.#dropped} lines of output were dropped: too many or too long for one job`);
    this.#dropped = 0;
  }

  #emit(level: OutputLevel, message: string, fields?: Fields): void {
    this.#send({
      type: "log",
      level,
      message,
      at: Date.now(),
      ...(this.#jobId === undefined ? {} : { jobId: this.#jobId }),
      ...(fields === undefined ? {} : { fields }),
    });
  }
}

/** Fields as plain JSON; what can't be written as JSON is shown as text. */
function plainFields(fields: Fields): { fields: Fields; chars: number } {
  try {
    const text = JSON.stringify(fields, (_, value) => {
      if (typeof value === "bigint") return value.toString();
      return value instanceof Error ? `${value.name}: ${value.message}` : value;
    });
    if (text.length <= MAX_FIELDS_CHARS) return { fields: JSON.parse(text), chars: text.length };
  } catch {
    // Circular, or a getter that throws: shown as text below.
  }
  const shown = cut(Deno.inspect(fields, { depth: 2 }), MAX_FIELDS_CHARS);
  return { fields: { fields: shown }, chars: shown.length };
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length} characters)`;
}
