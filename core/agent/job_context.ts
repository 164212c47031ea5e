/** What an agent's `entry` gets: the job, the room, and everything it may do with them. */
import type { RemoteParticipant, Room, RoomOptions } from "@livekit/rtc-node";

/**
 * Why a job ended. `entry_returned` and `entry_threw`: by itself · `shutdown_requested`: by ctx.shutdown() ·
 * `room_closed`: the room was closed or deleted · `removed_from_room`: somebody removed the agent ·
 * `participant_left`: the participant that triggered the job is gone · `connection_lost`: the connection to the room was
 * given up · the rest: ended from outside.
 */
export type EndedReason =
  | "entry_returned"
  | "entry_threw"
  | "shutdown_requested"
  | "room_closed"
  | "removed_from_room"
  | "participant_left"
  | "connection_lost"
  | "cancelled"
  | "terminated_by_livekit"
  | "drain"
  | "shutdown"
  | "deadline";

export interface Ended {
  readonly reason: EndedReason;
}

export interface JobInfo {
  readonly id: string;
  /** The request that this job is to fulfil. */
  readonly dispatchId: string;
  /** 1 for the first run of the dispatch, then counting up. */
  readonly attempt: number;
  /** The agent's name. */
  readonly agent: string;
  /** Name of the room. */
  readonly room: string;
  /** The agent's own identity in the room. */
  readonly participantIdentity: string;
}

/** What `prewarm` prepared; one per process, shared by `prewarm` and `entry`. */
export interface SlotContext {
  readonly data: Record<string, unknown>;
}

export type ConnectOptions = Partial<RoomOptions>;

export interface ParticipantFilter {
  /** Only this participant. */
  identity?: string;
  /** Only participants of this kind (a ParticipantKind of rtc-node); without it any kind but agents. */
  kind?: number;
}

/** Lines kept with the job and shown with it. */
export interface JobLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export type SpanAttributes = Record<string, string | number | boolean>;

/** A piece of the job's work, drawn in its trace. It counts once it has ended. */
export interface JobSpan {
  /** W3C traceparent, for calls that are part of this span. */
  readonly traceparent: string;
  setAttribute(name: string, value: string | number | boolean): void;
  /** Marks the span as failed. */
  fail(error: unknown): void;
  /** Only the first call counts. */
  end(): void;
}

/** Records spans of the agent's own under the job's. At most 1,000 per job are kept. */
export interface JobTracer {
  /** W3C traceparent of the innermost span that runs here. */
  readonly traceparent: string;
  /** Begins a span; end it yourself. Its parent is the innermost `span` around the call, else the job. */
  startSpan(name: string, attributes?: SpanAttributes): JobSpan;
  /** Runs `work` as a span, which ends with it, as failed when it throws. Spans inside become its children. */
  span<T>(name: string, work: (span: JobSpan) => T | Promise<T>, attributes?: SpanAttributes): Promise<T>;
}

export type ShutdownCallback = (reason: EndedReason) => void | Promise<void>;

export interface JobContext<Metadata = unknown> {
  readonly job: JobInfo;
  /** The room; not connected until `connect` has resolved. */
  readonly room: Room;
  /** The dispatch's metadata: the output of the agent's schema; without a schema an object, a string or null. */
  readonly metadata: Metadata;
  readonly slot: SlotContext;
  readonly log: JobLog;
  /** Spans of the job's trace. */
  readonly tracer: JobTracer;
  /** Resolves once, when the job ends for whatever reason; never rejects. */
  readonly ended: Promise<Ended>;
  /** Aborts when the job ends; its reason is a JobEndedError. */
  readonly signal: AbortSignal;
  /** Joins the room. Calling it again gives the same promise. Rejects when the room can't be joined or the job ended. */
  connect(options?: ConnectOptions): Promise<void>;
  /** The first participant that fits, present or yet to come. Rejects with JobEndedError when the job ends first. */
  waitForParticipant(filter?: ParticipantFilter): Promise<RemoteParticipant>;
  /**
   * Says that the agent can serve; for agents with `readiness: "explicit"` (the others are ready by connecting).
   * Throws before `connect` has resolved.
   */
  ready(): void;
  /** Registers cleanup. The last registered runs first; all together share one time budget. */
  onShutdown(callback: ShutdownCallback): void;
  /** Ends the job as succeeded: `ended` resolves with "shutdown_requested". The text is logged. */
  shutdown(why?: string): void;
}
