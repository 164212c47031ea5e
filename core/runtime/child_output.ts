/**
 * Splits a child's raw output into lines, bounded so that a flood costs the control plane little: a stream is read at
 * MAX_BYTES_PER_SECOND (then its writer waits), a line has at most MAX_LINE_CHARS, and at most MAX_LINES_PER_SECOND are
 * passed on; what is over is counted, and the count said when the flood is over or the stream ends.
 */
import type { Readable } from "node:stream";

/** Read before the writer has to wait for the next second. */
export const MAX_BYTES_PER_SECOND = 4_194_304;

export const MAX_LINE_CHARS = 8_192;
export const MAX_LINES_PER_SECOND = 200;
const TAIL_CHARS = 4_096;
const WINDOW_MS = 1_000;

/** Feeds `splitter` from `stream`. @returns a function that reads the rest without waiting: the writer is gone. */
export function readLines(stream: Readable, splitter: LineSplitter): () => void {
  let bytesInWindow = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRest = false;
  const resume = () => {
    timer = undefined;
    bytesInWindow = 0;
    stream.resume();
  };
  stream.on("data", (chunk: Uint8Array) => {
    splitter.write(chunk);
    bytesInWindow += chunk.length;
    if (isRest || bytesInWindow < MAX_BYTES_PER_SECOND || timer !== undefined) return;
    stream.pause();
    timer = setTimeout(resume, WINDOW_MS);
  });
  stream.on("end", () => splitter.end());
  return () => {
    isRest = true;
    clearTimeout(timer);
    stream.resume();
  };
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
