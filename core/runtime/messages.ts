/**
 * The typed messages between the control plane (parent) and an agent's children (slots and hosts), over the IPC channel
 * of node:child_process. Children run user code, so the parent validates what they send; each message is at most
 * MAX_MESSAGE_BYTES and an invalid one is dropped, counted and logged, never thrown on.
 *
 * A slot's life:   (spare → adopt →) loading → (warm) → start → entered → connected → ready → finished → leave → exit
 *   - `finished` is sent while the agent is still in the room. The parent records the outcome, tells LiveKit and answers
 *     `leave`; only then does the child leave the room and exit. Parent gone instead: the child leaves at once.
 */
import { z } from "zod";

export const MAX_MESSAGE_BYTES = 1_048_576;

/** What a child needs to run one job. It holds no API secret: only a token for this one room. */
export interface JobStart {
  jobId: string;
  dispatchId: string;
  attempt: number;
  agent: string;
  room: string;
  /** LiveKit URL (ws:// or wss://) that the child connects to. */
  url: string;
  /** Room join token, short-lived, without the `agent` grant. */
  token: string;
  participantIdentity: string;
  /** The dispatch's metadata after validation: an object, a string, or null when none was given. */
  metadata: unknown;
  /** Identity of the participant that triggered the job (participant and publisher jobs). */
  triggeringParticipant?: string;
  /** W3C traceparent of the dispatch. */
  traceparent?: string;
  /** When the child itself says `ready`: as soon as it is connected, or only by ctx.ready(). */
  readiness: "connected" | "explicit";
  /** Time for all shutdown callbacks together. */
  shutdownGraceMs: number;
}

/** Why a job is being ended from outside; handed to shutdown callbacks and to `ctx.ended`. */
export const CANCEL_REASONS = ["cancelled", "terminated_by_livekit", "drain", "shutdown", "deadline"] as const;
export type CancelReason = typeof CANCEL_REASONS[number];

export type ParentMessage =
  /** To a spare child, once: the agent that it is to load. */
  | { type: "adopt"; agentFile: string }
  | { type: "start"; job: JobStart }
  | { type: "cancel"; jobId: string; reason: CancelReason; graceMs: number }
  | { type: "leave"; jobId: string }
  | { type: "ping"; sequence: number }
  | { type: "validate"; requestId: number; metadata: unknown };

/** How `entry` ended, as the child saw it. A child that dies says nothing; its exit is classified by the parent. */
export const END_REASONS = [
  "entry_returned",
  "entry_threw",
  "room_closed",
  "participant_left",
  "connection_lost",
  "removed_from_room",
  "shutdown_requested",
  ...CANCEL_REASONS,
] as const;

const jobId = z.string().min(1).max(64);
const errorText = z.string().max(16_384);

export const childMessageSchema = z.discriminatedUnion("type", [
  /** The agent module is loaded and primed: the slot is warm. */
  z.object({ type: z.literal("warm") }),
  /** The agent file could not be loaded or prewarmed. */
  z.object({ type: z.literal("broken"), error: errorText }),
  /** A host's description of its agent. */
  z.object({ type: z.literal("descriptor"), descriptor: z.unknown() }),
  z.object({ type: z.literal("entered"), jobId }),
  z.object({ type: z.literal("connected"), jobId, roomSid: z.string().max(128).optional() }),
  z.object({ type: z.literal("ready"), jobId }),
  z.object({
    type: z.literal("log"),
    jobId: jobId.optional(),
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string().max(65_536),
    fields: z.record(z.string(), z.unknown()).optional(),
    /** Milliseconds since the epoch, by the child's clock. */
    at: z.number(),
  }),
  z.object({
    type: z.literal("finished"),
    jobId,
    outcome: z.enum(["succeeded", "failed", "cancelled"]),
    endReason: z.enum(END_REASONS),
    error: z.object({ name: z.string().max(256), message: errorText, stack: errorText.optional() }).optional(),
  }),
  /** A span of the agent's own has ended (ctx.tracer). Times by the child's clock. */
  z.object({
    type: z.literal("span"),
    jobId,
    spanId: z.string().regex(/^[0-9a-f]{16}$/),
    parentSpanId: z.string().regex(/^[0-9a-f]{16}$/),
    name: z.string().min(1).max(256),
    /** Milliseconds since the epoch. */
    at: z.number(),
    durationMs: z.number().nonnegative(),
    status: z.enum(["unset", "ok", "error"]),
    statusMessage: z.string().max(1_024).optional(),
    attributes: z.record(z.string().max(256), z.union([z.string().max(4_096), z.number(), z.boolean()])).optional(),
  }),
  z.object({ type: z.literal("pong"), sequence: z.number().int() }),
  z.object({
    type: z.literal("validated"),
    requestId: z.number().int(),
    /** The parsed metadata, or what is wrong with it, field by field. */
    result: z.union([
      z.object({ ok: z.literal(true), metadata: z.unknown() }),
      z.object({ ok: z.literal(false), errors: z.array(z.object({ path: z.string(), message: z.string() })).max(100) }),
    ]),
  }),
]);

export type ChildMessage = z.infer<typeof childMessageSchema>;
export type SpanMessage = Extract<ChildMessage, { type: "span" }>;
export type EndReason = typeof END_REASONS[number];
