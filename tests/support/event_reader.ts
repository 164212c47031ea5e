/** Reads server-sent events from a stream of bytes. */
import { TextLineStream } from "./text_line_stream.ts";

export interface ReadEvent {
  id: string | null;
  event: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

export class EventReader implements AsyncDisposable {
  readonly #lines: ReadableStreamDefaultReader<string>;
  #id: string | null = null;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#lines = stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** The next event, or null at the end of the stream. */
  async next(): Promise<ReadEvent | null> {
    let [event, data, hasId] = ["message", "", false];
    while (true) {
      const { done, value: line } = await this.#lines.read();
      if (done) return null;
      if (line === "" && data !== "") return { id: hasId ? this.#id : null, event, data: JSON.parse(data) };
      const [, field, value = ""] = /^(id|event|data): (.*)$/.exec(line) ?? [];
      if (field === "id") [this.#id, hasId] = [value, true];
      if (field === "event") event = value;
      if (field === "data") data = value;
    }
  }

  /** The next `count` events. Throws when the stream ends before that. */
  async take(count: number): Promise<ReadEvent[]> {
    const events: ReadEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (!event) throw new Error(`The stream ended after ${events.length} of ${count} events`);
      events.push(event);
    }
    return events;
  }

  /** Reads on until an event fits, and gives it. */
  async until(fits: (event: ReadEvent) => boolean): Promise<ReadEvent> {
    while (true) {
      const [event] = await this.take(1);
      if (event && fits(event)) return event;
    }
  }

  /** All events up to the end of the stream. */
  async rest(): Promise<ReadEvent[]> {
    const events: ReadEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) events.push(event);
    return events;
  }

  async cancel(): Promise<void> {
    await this.#lines.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }
}
