/**
 * The spool: an append-only file of entries that wait for the database, in order.
 *
 * - One entry is one line: CRC-32 of its JSON in hex, a space, the JSON. A line that was cut by a crash, or does not match
 *   its checksum, is dropped, counted and logged; the lines after it count.
 * - `append` resolves when the entries are on the disk (fdatasync).
 * - Entries stay in the file until all of them are done, then it is emptied. A crash in between replays some again, so
 *   whatever replays them must recognise what is done already (change ids).
 * - At most `maxBytes`: what does not fit is refused, and the caller decides.
 */
import { crc32 } from "node:zlib";
import type { Logger } from "../lifecycle/logger.ts";

export interface SpoolOptions {
  /** Created with mode 600. */
  path: string;
  maxBytes: number;
  logger: Logger;
}

/** Largest line that is read back: an entry is one change, whose texts are bounded. */
const MAX_LINE_BYTES = 4_194_304;
const READ_BYTES = 65_536;

export class Spool<Entry> {
  /** Lines dropped because they were cut or damaged. */
  droppedLines = 0;
  readonly #options: SpoolOptions;
  readonly #file: Deno.FsFile;
  #sizeBytes: number;
  /** Where the first entry that is not done begins. */
  #doneBytes = 0;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: SpoolOptions, file: Deno.FsFile, sizeBytes: number) {
    this.#options = options;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  /** Opens the file, and counts what waits in it. */
  static async open<Entry>(options: SpoolOptions): Promise<Spool<Entry>> {
    const file = await Deno.open(options.path, { read: true, write: true, create: true, mode: 0o600 });
    const { size } = await file.stat();
    const spool = new Spool<Entry>(options, file, size);
    await spool.#endCutLine();
    if (size > 0) spool.#waiting = await spool.#count();
    return spool;
  }

  /** Entries that are not done, those being appended included. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Appends all entries, or none: false when they do not fit. Throws when the file can't be written. */
  async append(entries: readonly Entry[]): Promise<boolean> {
    // Counted before it is written, so that nobody takes the spool for empty meanwhile.
    this.#waiting += entries.length;
    let isKept = false;
    try {
      isKept = await this.#inTurn(() => this.#append(entries));
      return isKept;
    } finally {
      if (!isKept) this.#waiting -= entries.length;
    }
  }

  /** The oldest entries, at most `limit`, and what to hand to `done` once they are. Empty when none waits. */
  next(limit: number): Promise<{ entries: Entry[]; endBytes: number; lines: number }> {
    return this.#inTurn(() => this.#read(limit));
  }

  /** Counts entries as done; when none is left, the file is emptied. */
  done({ endBytes, lines }: { endBytes: number; lines: number }): Promise<void> {
    return this.#inTurn(async () => {
      this.#doneBytes = endBytes;
      this.#waiting -= lines;
      if (this.#doneBytes < this.#sizeBytes) return;
      await this.#file.truncate(0);
      await this.#file.syncData();
      this.#sizeBytes = 0;
      this.#doneBytes = 0;
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => Promise.resolve(this.#file.close()));
  }

  /** File operations share one position, so they run one after another. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {/* reported to its own caller */});
    return result;
  }

  async #append(entries: readonly Entry[]): Promise<boolean> {
    const bytes = new TextEncoder().encode(entries.map(toLine).join(""));
    if (this.#sizeBytes + bytes.length > this.#options.maxBytes) return false;
    await this.#file.seek(this.#sizeBytes, Deno.SeekMode.Start);
    await writeAll(this.#file, bytes);
    await this.#file.syncData();
    this.#sizeBytes += bytes.length;
    return true;
  }

  async #read(limit: number): Promise<{ entries: Entry[]; endBytes: number; lines: number }> {
    const entries: Entry[] = [];
    let endBytes = this.#doneBytes;
    let lines = 0;
    for await (const line of this.#lines(this.#doneBytes)) {
      endBytes += line.length + 1;
      lines += 1;
      const entry = fromLine<Entry>(line);
      if (entry === null) this.#drop();
      else entries.push(entry);
      if (entries.length === limit) break;
    }
    return { entries, endBytes, lines };
  }

  async #count(): Promise<number> {
    let count = 0;
    for await (const _ of this.#lines(0)) count += 1;
    return count;
  }

  /** Whole lines from `fromBytes` on, without their line feed. */
  async *#lines(fromBytes: number): AsyncGenerator<Uint8Array> {
    let rest = new Uint8Array(0);
    for (let at = fromBytes; at < this.#sizeBytes;) {
      await this.#file.seek(at, Deno.SeekMode.Start);
      const buffer = new Uint8Array(READ_BYTES);
      const read = await this.#file.read(buffer);
      if (read === null) return;
      at += read;
      rest = concatenated(rest, buffer.subarray(0, read));
      for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
        yield rest.slice(0, end);
        rest = rest.subarray(end + 1);
      }
      if (rest.length > MAX_LINE_BYTES) {
        throw new Error(`${this.#options.path}: a line of more than ${MAX_LINE_BYTES} bytes`);
      }
    }
  }

  /** A line that a crash cut gets its end, so that what is appended begins a line of its own. */
  async #endCutLine(): Promise<void> {
    if (this.#sizeBytes === 0) return;
    const last = new Uint8Array(1);
    await this.#file.seek(this.#sizeBytes - 1, Deno.SeekMode.Start);
    await this.#file.read(last);
    if (last[0] === LINE_FEED) return;
    await writeAll(this.#file, Uint8Array.of(LINE_FEED));
    this.#sizeBytes += 1;
  }

  #drop(): void {
    this.droppedLines += 1;
    this.#options.logger.error("a damaged line of the spool is dropped", { path: this.#options.path });
  }
}

const LINE_FEED = 10;

function toLine(entry: unknown): string {
  const text = JSON.stringify(entry);
  return `${crc32(text).toString(16)} ${text}\n`;
}

/** Null for a line that is not whole. */
function fromLine<Entry>(line: Uint8Array): Entry | null {
  const text = new TextDecoder().decode(line);
  const space = text.indexOf(" ");
  const json = text.slice(space + 1);
  if (space < 1 || crc32(json).toString(16) !== text.slice(0, space)) return null;
  return JSON.parse(json);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
