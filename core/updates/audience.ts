/**
 * Clients that want the same topics. Their events are gathered for a moment and handed to all of them as one chunk, so
 * that a change costs one serialisation and one enqueue per client, however many events it made.
 */
import { joinFrames } from "./sse.ts";

export interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Null: nobody's right to listen can end. */
  readonly access: StreamAccess | null;
}

/** By what right a client listens; looked at again while its stream is open. */
export interface StreamAccess {
  /** The same for clients of one key or session: they are asked about once. */
  key: string;
  /** False when the key was revoked or the session has ended. Throws when that can't be told now. */
  isOpen: () => boolean | Promise<boolean>;
}

export interface AudienceOptions {
  topics: readonly string[];
  /** The event after which the stream ends; null: never. */
  lastEvent: string | null;
  /** How long events are gathered. */
  gatherMs: () => number;
  /** The client does not keep up, or its stream is closed already. */
  onSlow: (client: Client) => void;
  onEnded: (clients: readonly Client[]) => void;
}

export class Audience {
  readonly clients = new Set<Client>();
  readonly topics: readonly string[];
  readonly #options: AudienceOptions;
  #gathered: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: AudienceOptions) {
    this.#options = options;
    this.topics = options.topics;
  }

  push(event: string, frame: Uint8Array): void {
    this.#gathered.push(frame);
    if (event === this.#options.lastEvent) return this.#end();
    this.#timer ??= setTimeout(() => this.flush(), this.#options.gatherMs());
  }

  /** Sends what was gathered: before a client joins, so that it gets nothing twice, and when the moment is over. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#gathered.length === 0) return;
    const chunk = joinFrames(this.#gathered);
    this.#gathered = [];
    this.send(chunk);
  }

  send(chunk: Uint8Array): void {
    for (const client of [...this.clients]) {
      // desiredSize counts down from the limit as bytes wait; null: errored.
      if ((client.controller.desiredSize ?? 0) <= 0) this.#options.onSlow(client);
      else client.controller.enqueue(chunk);
    }
  }

  /** Nothing more is sent; for an audience without clients. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#gathered = [];
  }

  #end(): void {
    this.flush();
    this.#options.onEnded([...this.clients]);
  }
}
