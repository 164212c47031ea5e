/**
 * One end of the channel between the control plane and a child: JSON messages, one per line, over a unix socket.
 * Both ends use it, so it imports nothing that a child would have to load for it.
 *
 *   waiting ─attach─▶ open ─▶ closed          what is sent while waiting is written when a connection is there
 *
 * - A message has at most MAX_FRAME_BYTES; a longer, cut or unreadable one is dropped and told to `onDropped`, and
 *   reading goes on with the next line. Nothing here throws.
 * - What can't be written yet is kept up to MAX_QUEUED_MESSAGES and MAX_QUEUED_CHARS; then `send` says false.
 * - With `bytesPerSecond`, reading pauses for the rest of a second in which more came: the other end has to wait.
 * - `closed` resolves once, when the other end is gone or `close` was called.
 */

export const MAX_FRAME_BYTES = 1_048_576;
export const MAX_QUEUED_MESSAGES = 4_096;
export const MAX_QUEUED_CHARS = 4_194_304;

/**
 * Small messages are handed to the system at once, also while one before is still being confirmed: a process that exits
 * right after `send` has said it. It relies on Linux writing up to so much to a unix socket as a whole or not at all.
 */
const MAX_EAGER_BYTES = Deno.build.os === "linux" ? 32_768 : 0;
const READ_BYTES = 65_536;
const NEWLINE = 10;
const WINDOW_MS = 1_000;

/** What is needed of a Deno.Conn. */
export type ByteStream = Pick<Deno.Conn, "read" | "write" | "close">;

export interface MessageStreamOptions {
  onMessage(message: unknown): void;
  onDropped?(reason: string): void;
  /** Bound of reading; none by default. */
  bytesPerSecond?: number;
}

export class MessageStream {
  readonly closed: Promise<void>;
  readonly #options: MessageStreamOptions;
  readonly #resolveClosed: () => void;
  readonly #queue: string[] = [];
  #queuedChars = 0;
  #stream: ByteStream | null = null;
  #isClosed = false;
  readonly #writing = new Set<Promise<void>>();
  #writingBytes = 0;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();

  constructor(options: MessageStreamOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The connection, once. Writes what has waited for it. */
  attach(stream: ByteStream): void {
    if (this.#isClosed) return stream.close();
    this.#stream = stream;
    void this.#read(stream);
    this.#writeQueue();
  }

  /** False when the message can't reach the other end: closed, too long, or too much waits already. */
  send(message: object): boolean {
    if (this.#isClosed) return false;
    let line: string;
    try {
      line = JSON.stringify(message);
    } catch {
      return this.#drop("can't be written as JSON");
    }
    // A character takes up to three bytes; only texts near the limit are measured.
    if (line.length > MAX_FRAME_BYTES / 3 && this.#encoder.encode(line).length > MAX_FRAME_BYTES) {
      return this.#drop(`more than ${MAX_FRAME_BYTES} bytes`);
    }
    if (this.#writeEagerly(line)) return true;
    if (this.#queue.length >= MAX_QUEUED_MESSAGES || this.#queuedChars + line.length > MAX_QUEUED_CHARS) {
      return this.#drop("too many messages wait to be written");
    }
    this.#queue.push(line);
    this.#queuedChars += line.length;
    this.#writeQueue();
    return true;
  }

  /** Resolves when everything sent so far has been handed to the system, or can't be any more. */
  async flushed(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    try {
      this.#stream?.close();
    } catch {
      // It was closed already: that is what was wanted.
    }
    this.#resolveClosed();
  }

  #writeEagerly(line: string): boolean {
    if (this.#stream === null || this.#queue.length > 0 || line.length > MAX_EAGER_BYTES / 3) return false;
    const bytes = this.#encoder.encode(`${line}\n`);
    if (this.#writingBytes + bytes.length > MAX_EAGER_BYTES) return false;
    this.#track(this.#stream, bytes);
    return true;
  }

  /** As one piece, once nothing else is being written. */
  #writeQueue(): void {
    if (this.#writing.size > 0 || this.#stream === null || this.#isClosed || this.#queue.length === 0) return;
    const bytes = this.#encoder.encode(`${this.#queue.join("\n")}\n`);
    this.#queue.length = 0;
    this.#queuedChars = 0;
    this.#track(this.#stream, bytes);
  }

  #track(stream: ByteStream, bytes: Uint8Array): void {
    this.#writingBytes += bytes.length;
    const writing = this.#write(stream, bytes).catch(() => this.close()).finally(() => {
      this.#writingBytes -= bytes.length;
      this.#writing.delete(writing);
      this.#writeQueue();
    });
    this.#writing.add(writing);
  }

  async #write(stream: ByteStream, bytes: Uint8Array): Promise<void> {
    let written = await stream.write(bytes);
    if (written < bytes.length && this.#writing.size > 1) {
      throw new Error("Cannot write messages: they would be mixed up");
    }
    while (written < bytes.length) written += await stream.write(bytes.subarray(written));
  }

  async #read(stream: ByteStream): Promise<void> {
    const lines = new LineReader((bytes) => this.#receive(bytes), (reason) => this.#drop(reason));
    const { bytesPerSecond = Infinity } = this.#options;
    const buffer = new Uint8Array(READ_BYTES);
    let window = { startMs: performance.now(), bytes: 0 };
    try {
      for (let count = await stream.read(buffer); count !== null; count = await stream.read(buffer)) {
        lines.push(buffer.subarray(0, count));
        const sinceMs = performance.now() - window.startMs;
        if (sinceMs >= WINDOW_MS) window = { startMs: performance.now(), bytes: 0 };
        window.bytes += count;
        if (window.bytes > bytesPerSecond) await this.#pause(WINDOW_MS - Math.min(sinceMs, WINDOW_MS));
      }
    } catch {
      // Broken or closed by us: either way there is no more to read.
    }
    lines.end();
    this.close();
  }

  async #pause(limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    await Promise.race([promise, this.closed]);
    clearTimeout(timer);
  }

  #receive(bytes: Uint8Array): void {
    let message: unknown;
    try {
      message = JSON.parse(this.#decoder.decode(bytes));
    } catch {
      return void this.#drop("not JSON");
    }
    this.#options.onMessage(message);
  }

  #drop(reason: string): false {
    this.#options.onDropped?.(reason);
    return false;
  }
}

/** Cuts bytes into lines. A line over the limit, or one that the end cuts off, is dropped as a whole. */
class LineReader {
  readonly #onLine: (bytes: Uint8Array) => void;
  readonly #onDropped: (reason: string) => void;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(onLine: (bytes: Uint8Array) => void, onDropped: (reason: string) => void) {
    this.#onLine = onLine;
    this.#onDropped = onDropped;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at));
      this.#endLine();
      from = at + 1;
    }
    // The chunk's buffer is read into again, so what waits for the rest of its line is copied.
    if (from < chunk.length) this.#add(chunk.slice(from));
  }

  end(): void {
    if (this.#length > 0) this.#onDropped("cut off");
    this.#parts = [];
    this.#length = 0;
  }

  #add(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length <= MAX_FRAME_BYTES) this.#parts.push(part);
    else this.#parts = [];
  }

  #endLine(): void {
    const [parts, length] = [this.#parts, this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length > MAX_FRAME_BYTES) return this.#onDropped(`more than ${MAX_FRAME_BYTES} bytes`);
    const [first] = parts;
    if (first === undefined || length === 0) return;
    if (parts.length === 1) return this.#onLine(first);
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    this.#onLine(whole);
  }
}
