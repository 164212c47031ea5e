/** A human in a room, for tests: joins, plays and hears tones, sends and receives messages, sees who is there. */
import { PATIENCE_MS } from "./eventually.ts";
import { TextLineStream } from "./text_line_stream.ts";
import {
  LINE_START,
  type ParticipantCommand,
  type ParticipantEvent,
  type ToneReport,
} from "./room_participant_protocol.ts";

type EventOf<Name extends ParticipantEvent["event"]> = Extract<ParticipantEvent, { event: Name }>;
type CommandBody = ParticipantCommand extends infer Each ? Each extends { id: number } ? Omit<Each, "id"> : never
  : never;
interface Waiter {
  fits: (event: ParticipantEvent) => boolean;
  resolve: (event: ParticipantEvent) => void;
}

const LEAVE_LIMIT_MS = 3_000;

export class RoomParticipant implements AsyncDisposable {
  /** Everything that happened so far, oldest first. */
  readonly events: ParticipantEvent[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #waiters = new Set<Waiter>();
  #lastId = 0;
  #dataTaken = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Resolves when the participant is in the room. */
  static async join({ url, token }: { url: string; token: string }): Promise<RoomParticipant> {
    const entry = new URL("./room_participant_child.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--cached-only", entry],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const participant = new RoomParticipant(child);
    await participant.#ask({ do: "join", url, token }, 30_000);
    return participant;
  }

  /** Publishes a microphone with this tone; 0 is silence. */
  async playTone(hz: number): Promise<void> {
    await this.#ask({ do: "play", hz });
  }

  /** Publishes the microphone anew: rtc-node can lose a track when the server is restarted twice in a few seconds. */
  async publishAgain(): Promise<void> {
    await this.#ask({ do: "publish" });
  }

  /** Resolves when 50 ms of the tone have been heard from anybody, with who and when; counts gaps from then on. */
  async hearsTone(hz: number, { withinMs = PATIENCE_MS } = {}): Promise<EventOf<"tone">> {
    // A tone that plays already may be reported before the answer.
    const after = this.events.length;
    await this.#ask({ do: "listen", hz });
    return await this.#next("tone", (event) => event.hz === hz, { withinMs, after });
  }

  /** How much of the tone was heard since `hearsTone` was called, and its longest interruption. */
  async toneReport(): Promise<ToneReport> {
    return await this.#ask({ do: "tone" }) as ToneReport;
  }

  async sendData(topic: string, text: string): Promise<void> {
    await this.#ask({ do: "data", topic, text });
  }

  /** The next message on this topic; each message is given once. */
  async nextData(topic?: string, { withinMs = PATIENCE_MS } = {}): Promise<EventOf<"data">> {
    const fits = (event: EventOf<"data">) => topic === undefined || event.topic === topic;
    const event = await this.#next("data", fits, { withinMs, after: this.#dataTaken });
    this.#dataTaken = this.events.indexOf(event) + 1;
    return event;
  }

  /** Resolves with the first participant whose identity begins so, present or yet to come. */
  async sees(identityPrefix: string, { withinMs = PATIENCE_MS } = {}): Promise<EventOf<"participant">> {
    return await this.#next("participant", (event) => event.identity.startsWith(identityPrefix), { withinMs });
  }

  /** Resolves with a participant's attributes once they hold this name. */
  async seesAttribute(name: string, { withinMs = PATIENCE_MS } = {}): Promise<EventOf<"attributes">> {
    return await this.#next("attributes", (event) => name in event.attributes, { withinMs });
  }

  /** The first event of this name, past or to come. */
  async sawEvent<Name extends ParticipantEvent["event"]>(
    name: Name,
    { withinMs = PATIENCE_MS } = {},
  ): Promise<EventOf<Name>> {
    return await this.#next(name, () => true, { withinMs });
  }

  /** Leaves properly; the process is gone when this resolves. */
  async leave(): Promise<void> {
    await this.#ask({ do: "leave" }).catch(() => {/* gone already: then there is nothing to leave */});
    const timer = setTimeout(() => this.#signal(), LEAVE_LIMIT_MS);
    await this.#ended();
    clearTimeout(timer);
  }

  /** Kills the process; the room finds out by itself. */
  async kill(): Promise<void> {
    this.#signal();
    await this.#ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }

  #signal(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // Gone already, which Deno reports as a TypeError.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #ended(): Promise<void> {
    await this.#child.status;
    await this.#reading;
    await this.#input.close().catch(() => {/* the pipe broke with the process */});
  }

  async #ask(body: CommandBody, withinMs = PATIENCE_MS): Promise<unknown> {
    const id = ++this.#lastId;
    await this.#input.write(new TextEncoder().encode(JSON.stringify({ id, ...body }) + "\n"));
    const answer = await this.#next("answer", (event) => event.id === id, { withinMs });
    if (answer.error !== undefined) throw new Error(`Participant could not ${body.do}: ${answer.error}`);
    return answer.result;
  }

  async #next<Name extends ParticipantEvent["event"]>(
    name: Name,
    fits: (event: EventOf<Name>) => boolean,
    { withinMs, after = 0 }: { withinMs: number; after?: number },
  ): Promise<EventOf<Name>> {
    const check = (event: ParticipantEvent): event is EventOf<Name> =>
      event.event === name && fits(event as EventOf<Name>);
    const past = this.events.slice(after).find(check);
    if (past !== undefined) return past as EventOf<Name>;
    const { promise, resolve, reject } = Promise.withResolvers<ParticipantEvent>();
    const waiter = { fits: check, resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      reject(new Error(`No "${name}" event that fits within ${withinMs} ms; last: ${this.#lastEvents()}`));
    }, withinMs);
    try {
      return await promise as EventOf<Name>;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  async #read(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (!line.startsWith(LINE_START)) continue;
      const event: ParticipantEvent = JSON.parse(line.slice(LINE_START.length));
      this.events.push(event);
      for (const waiter of this.#waiters) if (waiter.fits(event)) waiter.resolve(event);
    }
  }

  #lastEvents(): string {
    return JSON.stringify(this.events.slice(-5));
  }
}
