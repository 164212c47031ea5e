/** What an agent's `entry` gets: the job, the room, and everything it may do with them. */
import type { RemoteParticipant, Room, RoomOptions } from "@livekit/rtc-node";
import type { JobType } from "./agent_kinds.ts";
import type { JobMessageHandler, Leadership, PublishOptions, Subscription } from "./job_links.ts";
import type { JobMetrics } from "./job_metrics.ts";
import type { RoomApi } from "./room_api.ts";

/**
 * Why a job ended. `entry_returned` and `entry_threw`: by itself · `shutdown_requested`: by ctx.shutdown() ·
 * `room_closed`: the room was closed or deleted · `removed_from_room`: somebody removed the agent ·
 * `participant_left`: the participant that triggered the job is gone · `connection_lost`: the connection to the room was
 * given up · `deadline`: it ran longer than its time limit · `alone`: no human was in the room for too long ·
 * `heartbeat_missed`: ctx.heartbeat() was not called in time · the rest: ended from outside.
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
  | "deadline"
  | "alone"
  | "heartbeat_missed";

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
  readonly type: JobType;
  /** Identity of the participant that the job is for; null for room jobs. */
  readonly participant: string | null;
}

/** What `prewarm` prepared; one per process, shared by `prewarm` and `entry`. */
export interface SlotContext {
  readonly data: Record<string, unknown>;
}

/** Progress that outlives the job: the next attempt of the same dispatch goes on from it. */
export interface CheckpointStore {
  /**
   * Stores any JSON of at most 1 MB as the newest version; resolves with its number when it is stored, or with 0
   * when it waits on the control plane's disk, because the database is away. Rejects with
   * ControlPlaneError "too_large", "lost" (another attempt has taken over), "unavailable" or "timeout".
   */
  save(data: unknown): Promise<number>;
  /** The newest version that this job or an earlier attempt has saved; null when there is none. */
  load<T = unknown>(): Promise<T | null>;
}

/** Runs for one participant; its signal aborts when that participant leaves or the job ends. */
export type ParticipantEntry<Metadata = unknown> = (
  ctx: JobContext<Metadata>,
  participant: RemoteParticipant,
  signal: AbortSignal,
) => void | Promise<void>;

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
  /**
   * The first participant that fits, present or yet to come; without a filter the one that the job is for, if there is
   * one. Rejects with JobEndedError when the job ends first.
   */
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
  /**
   * Calls `entry` for each participant that fits (any but agents, without a filter), present or yet to come. What it throws
   * is logged and ends only itself.
   */
  onParticipant(entry: ParticipantEntry<Metadata>, filter?: ParticipantFilter): void;
  /** Notes how far the job is: any JSON of at most 8 KB. The last value is kept; at most one a second is sent. */
  progress(value: unknown): void;
  /** A sign of life, for agents with `heartbeatTimeoutMs`. The first call starts the clock. */
  heartbeat(): void;
  readonly checkpoint: CheckpointStore;
  /** The author's own counters, gauges and histograms, shown in /metrics. */
  readonly metrics: JobMetrics;
  /** LiveKit's server API, for this job's room only. */
  readonly api: RoomApi;
  /** Closes the room for everybody; the job ends with "room_closed". */
  deleteRoom(): Promise<void>;
  /** Sends any JSON of at most 64 KB to other jobs that have subscribed to `topic`; resolves with how many there were. */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<number>;
  /** Hears what other jobs publish on `topic`, until `unsubscribe` or the end of the job. */
  subscribe(topic: string, handler: JobMessageHandler, options?: PublishOptions): Promise<Subscription>;
  /** Stands for election among the jobs of this room: one job leads per name, and when it ends the next one does. */
  electLeader(name: string): Promise<Leadership>;
}
