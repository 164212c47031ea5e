/** Keeps warm floor processes (floor_child.ts) and takes one sample from each. */
import { TextLineStream } from "../tests/support/text_line_stream.ts";

export interface FloorSample {
  connectedMs: number;
  sentMs: number;
}

export interface FloorTarget {
  url: string;
  apiKey: string;
  apiSecret: string;
}

export class FloorProcess {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #warm: Promise<unknown>;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--cached-only", new URL("./floor_child.ts", import.meta.url).pathname],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#warm = this.#lines.read();
  }

  async warmed(): Promise<void> {
    await this.#warm;
  }

  /** Mint, connect, send one packet; the process then ends. */
  async sample(target: FloorTarget, room: string): Promise<FloorSample> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify({ ...target, room })));
    const { value } = await this.#lines.read();
    await writer.close();
    await this.#child.status;
    if (value === undefined) throw new Error("A floor process ended without a sample");
    return JSON.parse(value);
  }
}
