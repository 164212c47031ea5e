/** Keeps warm floor processes (floor_child.ts) and takes one sample from each. */
import { TextLineStream } from "../tests/support/text_line_stream.ts";

/** Tells the child's lines from what rtc-node logs to the same stdout. */
export const LINE_START = "\u0002";

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
    this.#warm = this.#answer();
  }

  async warmed(): Promise<void> {
    await this.#warm;
  }

  /** Mint, connect, send one packet; the process then ends. */
  async sample(target: FloorTarget, room: string): Promise<FloorSample> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(
      new TextEncoder().encode(
        JSON.stringify({ url: target.url, apiKey: target.apiKey, apiSecret: target.apiSecret, room }),
      ),
    );
    const sample = await this.#answer();
    await writer.close();
    await this.#child.status;
    return JSON.parse(sample);
  }

  /** The child's next line; rtc-node writes its own to the same stdout. */
  async #answer(): Promise<string> {
    for (;;) {
      const { value } = await this.#lines.read();
      if (value === undefined) throw new Error("A floor process ended without a sample");
      if (value.startsWith(LINE_START)) return value.slice(LINE_START.length);
    }
  }
}
