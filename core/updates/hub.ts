/**
 * One hub per instance: turns what changes here into streams of server-sent events.
 *
 *   publish → numbered, serialised once → history of its family → audiences of its topic → their clients
 *
 * Guarantees: ids `<first 8 of the instance's id>-<n>` rise by one per event; a client that resumes with the id of the last
 * event it saw gets all events of its topics after it, in order, or `gap` (another instance, or events no longer kept).
 * Events are gathered for GATHER_MS (GATHER_MANY_MS with many clients) before they leave. A client that leaves more than
 * MAX_QUEUED_BYTES unread is dropped (its browser reconnects and resumes); one that goes away frees everything it held.
 * A stream ends soon after its right ended: every RECHECK_MS all keys and sessions behind open streams are looked at again,
 * and at once when one is known to have ended here (`endClosed`). While that can't be told, streams go on.
 * Events of other instances come in by dispatch/fleet_events.ts.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import { Audience, type Client, type StreamAccess } from "./audience.ts";
import { EventHistory, type PastEvent } from "./event_history.ts";
import { encodeComment, encodeEvent, encodeRetry, joinFrames } from "./sse.ts";
import { familyOf, HISTORY_LIMITS, type TopicFamily } from "./topics.ts";

export interface HubOptions {
  instanceId: string;
  maxClients: number;
  logger: Logger;
  maxQueuedBytes?: number;
}

export interface Subscription {
  topics: readonly string[];
  /** The client's Last-Event-ID; null: it starts anew. */
  lastEventId: string | null;
  /** Sent first, before anything new: what has happened so far. */
  replay?: readonly { event: string; data: unknown }[];
  /** The stream ends after an event of this name. */
  lastEvent?: string;
  /** The stream ends when this does. */
  access?: StreamAccess | null;
}

export type Subscribed = { ok: true; stream: ReadableStream<Uint8Array> } | { ok: false; maxClients: number };

const MAX_QUEUED_BYTES = 524_288;
const KEEP_ALIVE_MS = 15_000;
const RECHECK_MS = 15_000;
/** Keys and sessions that are looked at side by side. */
const RECHECK_BATCH = 20;
const GATHER_MS = 10;
const MANY_CLIENTS = 100;
const GATHER_MANY_MS = 100;
const RECONNECT_AFTER_MS = 1_000;

export class Hub implements Service {
  readonly name = "updates";
  /** Clients that did not read fast enough. */
  slowClients = 0;
  /** Events published since the start. */
  sequence = 0;
  readonly #options: HubOptions;
  readonly #prefix: string;
  readonly #histories: Record<TopicFamily, EventHistory>;
  readonly #audiences = new Map<string, Audience>();
  readonly #byTopic = new Map<string, Set<Audience>>();
  #clientCount = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    // The end of a v7 id is its random part; its beginning would be the same for instances started together.
    this.#prefix = options.instanceId.replaceAll("-", "").slice(-8);
    const historyOf = (family: TopicFamily) =>
      new EventHistory(HISTORY_LIMITS[family].maxEvents, HISTORY_LIMITS[family].maxBytes);
    this.#histories = {
      dispatches: historyOf("dispatches"),
      dispatch: historyOf("dispatch"),
      fleet: historyOf("fleet"),
      load: historyOf("load"),
      rooms: historyOf("rooms"),
      counts: historyOf("counts"),
      bulk: historyOf("bulk"),
    };
  }

  get clientCount(): number {
    return this.#clientCount;
  }

  /** Id of the newest event. */
  get lastId(): string {
    return `${this.#prefix}-${this.sequence}`;
  }

  hasSubscribers(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  /** Topics that somebody listens to. */
  subscribedTopics(): string[] {
    return [...this.#byTopic.keys()];
  }

  /** Sends an event to whoever listens to `topic`; `data` is serialised before this returns. */
  publish(topic: string, event: string, data: unknown): void {
    this.sequence += 1;
    const frame = encodeEvent(this.lastId, event, data);
    this.#histories[familyOf(topic)].add({ sequence: this.sequence, topic, event, frame });
    for (const audience of this.#byTopic.get(topic) ?? []) audience.push(event, frame);
  }

  /** A stream of events as bytes. Cancelling it, as the server does when the client goes away, frees everything. */
  subscribe({ topics, lastEventId, replay = [], lastEvent, access = null }: Subscription): Subscribed {
    const { maxClients } = this.#options;
    if (this.#clientCount >= maxClients) return { ok: false, maxClients };
    const missed = lastEventId === null ? [] : this.missed(topics, lastEventId);
    const frames = [
      encodeRetry(RECONNECT_AFTER_MS),
      ...replay.map(({ event, data }) => encodeEvent(null, event, data)),
      ...(missed ?? [{ frame: encodeEvent(null, "gap", { lastEventId }) }]).map(({ frame }) => frame),
      // Last, because it moves the client's Last-Event-ID to now.
      encodeEvent(this.lastId, "hello", { instanceId: this.#options.instanceId, at: new Date().toISOString() }),
    ];
    const seen = [...replay, ...(missed ?? [])];
    const isOver = lastEvent !== undefined && seen.some(({ event }) => event === lastEvent);
    return {
      ok: true,
      stream: this.#stream({ topics, lastEvent: lastEvent ?? null, access }, joinFrames(frames), isOver),
    };
  }

  /** The events of these topics after `lastEventId`, or null when that can't be told. */
  missed(topics: readonly string[], lastEventId: string): PastEvent[] | null {
    const [, prefix, number] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(lastEventId) ?? [];
    const last = Number(number);
    if (prefix !== this.#prefix || !(last <= this.sequence)) return null;
    const missed: PastEvent[] = [];
    for (const family of new Set(topics.map(familyOf))) {
      const past = this.#histories[family].after(last);
      if (past === null) return null;
      missed.push(...past.filter(({ topic }) => topics.includes(topic)));
    }
    return missed.sort((a, b) => a.sequence - b.sequence);
  }

  /** Keeps streams alive until the program stops, then ends them. */
  async run(signal: AbortSignal): Promise<void> {
    // The comment is what proxies need; scripts, which can't see comments, get an event to know that the stream lives.
    const ping = joinFrames([encodeComment("ping"), encodeEvent(null, "beat", {})]);
    const onError = (error: unknown) => this.#options.logger.error("could not keep event streams alive", { error });
    const task = () => {
      for (const audience of [...this.#audiences.values()]) audience.send(ping);
    };
    await Promise.all([
      runEvery({ everyMs: KEEP_ALIVE_MS, signal, task, onError }),
      runEvery({ everyMs: RECHECK_MS, signal, task: () => this.endClosed(), onError }),
    ]);
    this.end();
  }

  /** Ends the streams whose key or session has ended. Rejects when some could not be looked at, after all the others. */
  async endClosed(): Promise<void> {
    const accesses = new Map<string, StreamAccess>();
    for (const { access } of this.#clients()) if (access) accesses.set(access.key, access);
    const open = [...accesses.values()];
    const failures: unknown[] = [];
    for (let from = 0; from < open.length; from += RECHECK_BATCH) {
      await Promise.all(
        open.slice(from, from + RECHECK_BATCH).map(async ({ key, isOpen }) => {
          try {
            if (!await isOpen()) this.#closeAllOf(key);
          } catch (error) {
            failures.push(error);
          }
        }),
      );
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} keys or sessions can't be checked`, { cause: failures[0] });
    }
  }

  /** Ends every stream; browsers reconnect to whatever serves then. */
  end(): void {
    for (const [key, audience] of this.#audiences) {
      audience.flush();
      for (const client of [...audience.clients]) this.#close(key, audience, client);
    }
  }

  *#clients(): Iterable<Client> {
    for (const { clients } of this.#audiences.values()) yield* clients;
  }

  #closeAllOf(accessKey: string): void {
    for (const [key, audience] of [...this.#audiences]) {
      for (const client of [...audience.clients]) {
        if (client.access?.key === accessKey) this.#close(key, audience, client);
      }
    }
  }

  #stream(
    { topics, lastEvent, access }: { topics: readonly string[]; lastEvent: string | null; access: StreamAccess | null },
    first: Uint8Array,
    isOver: boolean,
  ): ReadableStream<Uint8Array> {
    const key = `${[...topics].sort().join(",")} ${lastEvent ?? ""}`;
    let leave = () => {};
    const { maxQueuedBytes = MAX_QUEUED_BYTES } = this.#options;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(first);
        if (isOver) return controller.close();
        const audience = this.#audienceOf(key, topics, lastEvent);
        audience.flush();
        const client = { controller, access };
        audience.clients.add(client);
        this.#clientCount += 1;
        leave = () => this.#remove(key, audience, client);
      },
      cancel: () => leave(),
      // What is sent first (a long replay) is on top of the limit.
    }, new ByteLengthQueuingStrategy({ highWaterMark: maxQueuedBytes + first.length }));
  }

  #audienceOf(key: string, topics: readonly string[], lastEvent: string | null): Audience {
    const known = this.#audiences.get(key);
    if (known) return known;
    const audience: Audience = new Audience({
      topics,
      lastEvent,
      gatherMs: () => this.#clientCount > MANY_CLIENTS ? GATHER_MANY_MS : GATHER_MS,
      onSlow: (client) => this.#dropSlow(key, audience, client),
      onEnded: (clients) => clients.forEach((client) => this.#close(key, audience, client)),
    });
    this.#audiences.set(key, audience);
    for (const topic of topics) {
      const ofTopic = this.#byTopic.get(topic) ?? new Set();
      this.#byTopic.set(topic, ofTopic.add(audience));
    }
    return audience;
  }

  #dropSlow(key: string, audience: Audience, client: Client): void {
    this.slowClients += 1;
    this.#remove(key, audience, client);
    // An error, not a close: what is queued is freed now instead of when the client reads it.
    client.controller.error(new Error("The client does not read its events"));
    this.#options.logger.warn("a client did not read its events and is dropped", { topics: audience.topics });
  }

  #close(key: string, audience: Audience, client: Client): void {
    this.#remove(key, audience, client);
    client.controller.close();
  }

  #remove(key: string, audience: Audience, client: Client): void {
    if (!audience.clients.delete(client)) return;
    this.#clientCount -= 1;
    if (audience.clients.size > 0) return;
    audience.close();
    this.#audiences.delete(key);
    for (const topic of audience.topics) {
      const ofTopic = this.#byTopic.get(topic);
      ofTopic?.delete(audience);
      if (ofTopic?.size === 0) this.#byTopic.delete(topic);
    }
  }
}
