/**
 * Splits a child's raw output into lines, bounded so that a flood costs the control plane little: a stream is read at
 * MAX_BYTES_PER_SECOND (then its writer waits), a line has at most MAX_LINE_CHARS, and at most MAX_LINES_PER_SECOND are
 * passed on; what is over is counted, and the count said when the flood is over or the stream ends.
 */
import { settlesWithin } from "../lifecycle/supervisor.ts";

/** Read before the writer has to wait for the next second. */
export const MAX_BYTES_PER_SECOND = 4_194_304;

export const MAX_LINE_CHARS = 8_192;
export const MAX_LINES_PER_SECOND = 200;
const TAIL_CHARS = 4_096;
const WINDOW_MS = 1_000;

/** Feeds `splitter` from `stream` to its end. Once `gone` has resolved (the writer is gone) the rest is read without waiting. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  splitter: LineSplitter,
  gone: Promise<unknown>,
): Promise<void> {
  let isRest = false;
  void gone.then(() => isRest = true);
  let window = { startMs: performance.now(), bytes: 0 };
  try {
    for await (const chunk of stream) {
      splitter.write(chunk);
      const sinceMs = performance.now() - window.startMs;
      if (sinceMs >= WINDOW_MS) window = { startMs: performance.now(), bytes: 0 };
      window.bytes += chunk.length;
      if (!isRest && window.bytes >= MAX_BYTES_PER_SECOND) await settlesWithin(gone, Math.max(1, WINDOW_MS - sinceMs));
    }
  } finally {
    splitter.end();
  }
}

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #decoder = new TextDecoder();
  #partial = "";
  /** The rest of a line that was cut is not a line. */
  #isSkipping = false;
  #windowStartMs: number;
  #linesInWindow = 0;
  #droppedLines = 0;
  #tail = "";

  constructor(onLine: (line: string) => void, nowMs: () => number = () => performance.now()) {
    this.#onLine = onLine;
    this.#nowMs = nowMs;
    this.#windowStartMs = nowMs();
  }

  /** The last 4 kB that came. */
  get tail(): string {
    return this.#tail;
  }

  write(chunk: Uint8Array): void {
    // NUL can't be stored; see slot_reports.ts.
    const text = this.#decoder.decode(chunk, { stream: true }).replaceAll("\0", "\uFFFD");
    this.#tail = (this.#tail + text.slice(-TAIL_CHARS)).slice(-TAIL_CHARS);
    const parts = text.split("\n");
    for (const [index, part] of parts.entries()) {
      this.#append(part);
      if (index < parts.length - 1) this.#endLine();
    }
  }

  end(): void {
    if (this.#partial !== "") this.#endLine();
    this.#reportDropped();
  }

  #append(part: string): void {
    if (this.#isSkipping) return;
    const room = MAX_LINE_CHARS - this.#partial.length;
    this.#partial += part.slice(0, room);
    if (part.length <= room) return;
    this.#partial += "…";
    this.#isSkipping = true;
  }

  #endLine(): void {
    const line = this.#partial.replace(/\r$/, "");
    this.#partial = "";
    this.#isSkipping = false;
    const nowMs = this.#nowMs();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#linesInWindow = 0;
      this.#reportDropped();
    }
    if (this.#linesInWindow >= MAX_LINES_PER_SECOND) this.#droppedLines++;
    else {
      this.#linesInWindow++;
      this.#onLine(line);
    }
  }

  #reportDropped(): void {
    if (this.#droppedLines === 0) return;
    this.#onLine(`[${this.#droppedLines} lines dropped: more than ${MAX_LINES_PER_SECOND} per second]`);
    this.#droppedLines = 0;
  }
}
