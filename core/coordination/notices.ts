/**
 * Notices between instances: "something of this kind changed", by Postgres' LISTEN and NOTIFY. They only make things
 * quicker: whoever listens also polls, so a notice that is lost, late or blocked costs time and nothing else.
 *
 * - One connection listens; when it is lost it is made again, and every listener is told, because it may have missed some.
 * - What is to be said is gathered for GATHER_MS and sent as one statement, after the commit it tells of.
 */
import type { Database } from "../../db/client.ts";
import { listenFor, notify } from "../../db/notices.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { untilAborted } from "../lifecycle/supervisor.ts";

/**
 * queue: dispatches may be claimable · commands: another instance asks or answers something · jobs: dispatches changed (their
 * ids) · fleet: what an instance hosts has changed.
 */
export type NoticeTopic = (typeof TOPICS)[number];
const TOPICS = ["queue", "commands", "jobs", "fleet"] as const;

export interface NoticesOptions {
  database: Database;
  instanceId: string;
  /** False: nothing is sent and nothing is heard; polling does it all. */
  isEnabled: boolean;
  logger: Logger;
}

type Listener = (topic: NoticeTopic, subjects: readonly string[]) => void;

const GATHER_MS = 20;
/** Postgres refuses payloads of 8,000 bytes; beyond this many subjects a notice names none. */
const MAX_SUBJECTS = 100;

export class Notices implements Service {
  readonly name = "notices";
  readonly #options: NoticesOptions;
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Map<NoticeTopic, Set<string>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** Calls `listener` for notices of other instances, and (without subjects) whenever some may have been missed. */
  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the other instances, soon. `subject` is what changed, e.g. a dispatch's id. */
  tell(topic: NoticeTopic, subject?: string): void {
    if (!this.#options.isEnabled) return;
    const subjects = this.#waiting.get(topic) ?? new Set();
    if (subject !== undefined) subjects.add(subject);
    this.#waiting.set(topic, subjects);
    this.#timer ??= setTimeout(() => void this.#send(), GATHER_MS);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!this.#options.isEnabled) return await untilAborted(signal);
    const { database, instanceId } = this.#options;
    const listening = await listenFor(database, {
      onNotice: (payload) => payload.from !== instanceId && this.#heard(payload.topic as NoticeTopic, payload.subjects),
      onListening: () => this.#heardNothing(),
    });
    try {
      await untilAborted(signal);
    } finally {
      clearTimeout(this.#timer);
      await listening.stop();
    }
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    const { database, instanceId, logger } = this.#options;
    const notices = [...this.#waiting].map(([topic, subjects]) => ({
      ...{ from: instanceId, topic },
      subjects: subjects.size > MAX_SUBJECTS ? [] : [...subjects],
    }));
    this.#waiting.clear();
    try {
      await notify(database, notices);
    } catch (error) {
      logger.debug("a notice was not sent; the others find out by polling", { error });
    }
  }

  #heard(topic: NoticeTopic, subjects: readonly string[]): void {
    for (const listener of this.#listeners) listener(topic, subjects);
  }

  #heardNothing(): void {
    for (const topic of TOPICS) this.#heard(topic, []);
  }
}
