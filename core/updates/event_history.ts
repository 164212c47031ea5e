/** The most recent events of one family of topics, for clients that resume; bounded in number and in bytes. */

export interface PastEvent {
  /** Position in the hub's one sequence. */
  sequence: number;
  topic: string;
  event: string;
  frame: Uint8Array;
}

export class EventHistory {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events: PastEvent[] = [];
  /** Of `#events`, already dropped; compacted now and then, because shifting a long array is slow. */
  #droppedCount = 0;
  #bytes = 0;
  #lastDropped = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#events.length - this.#droppedCount;
  }

  add(event: PastEvent): void {
    this.#events.push(event);
    this.#bytes += event.frame.length;
    while (this.size > this.#maxEvents || (this.#bytes > this.#maxBytes && this.size > 1)) this.#dropOldest();
    if (this.#droppedCount > this.#maxEvents) {
      this.#events = this.#events.slice(this.#droppedCount);
      this.#droppedCount = 0;
    }
  }

  /** The events after `sequence` in order, or null when some of them are not kept any more. */
  after(sequence: number): PastEvent[] | null {
    if (sequence < this.#lastDropped) return null;
    let first = this.#events.length;
    while (first > this.#droppedCount && (this.#events[first - 1]?.sequence ?? 0) > sequence) first -= 1;
    return this.#events.slice(first);
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#droppedCount];
    if (!oldest) return;
    this.#bytes -= oldest.frame.length;
    this.#lastDropped = oldest.sequence;
    // Frees the event although its place stays until the next compaction.
    this.#events[this.#droppedCount] = DROPPED;
    this.#droppedCount += 1;
  }
}

const DROPPED: PastEvent = { sequence: 0, topic: "", event: "", frame: new Uint8Array(0) };
