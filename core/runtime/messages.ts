/**
 * The typed messages between the control plane (parent) and an agent's children (slots and hosts), over a unix socket
 * (message_stream.ts). Children run user code, so the parent validates what they send; each message is at most
 * MAX_FRAME_BYTES and an invalid one is dropped, counted and logged, never thrown on.
 *
 * A slot's life:   (spare → adopt →) loading → (warm) → start → entered → connected → ready → finished → leave → exit
 *   - `finished` is sent while the agent is still in the room. The parent records the outcome, tells LiveKit and answers
 *     `leave`; only then does the child leave the room and exit. Parent gone instead: the child leaves at once.
 *
 * A child imports types from here and nothing else: zod would cost each of them 5 MB. What both ends need to run lies in
 * message_limits.ts.
 */
import { z } from "zod";
import type { HookName } from "../agent/hooks.ts";
import type { ProfileRequest } from "../telemetry/profile.ts";
import { FAILURE_CLASSES } from "./failure_class.ts";
import { MAX_METRIC_POINTS } from "./message_limits.ts";

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
  /** Longest time from entry to end; without it there is none. */
  timeoutMs?: number;
  /** The job ends when no human was in its room for so long, from connect on; 0: never. */
  aloneTimeoutMs: number;
  /** The newest checkpoint of the dispatch's earlier attempts; without it the child asks when the agent does. */
  checkpoint?: { data: unknown };
}

/** Why a job is being ended from outside; handed to shutdown callbacks and to `ctx.ended`. */
export const CANCEL_REASONS = ["cancelled", "terminated_by_livekit", "drain", "shutdown", "deadline"] as const;
export type CancelReason = typeof CANCEL_REASONS[number];

export type ParentMessage =
  /** To a spare child, once: the agent that it is to load. */
  | { type: "adopt"; agentFile: string; jobsAtOnce: number }
  | { type: "start"; job: JobStart }
  | { type: "cancel"; jobId: string; reason: CancelReason; graceMs: number }
  | { type: "leave"; jobId: string }
  | { type: "ping"; sequence: number }
  /** To collect garbage now. */
  | { type: "collect" }
  | { type: "validate"; requestId: number; metadata: unknown }
  /** To a host: a question to one of the agent's hooks. */
  | { type: "hook"; requestId: number; hook: HookName; input: unknown }
  | ReplyMessage
  /** What another job published on a topic that this one has subscribed to. */
  | { type: "deliver"; jobId: string; topic: string; scope: BusScope; data: unknown; from: BusSender }
  /** The job leads from now on. `term` counts up with every leader of that name. */
  | { type: "elected"; jobId: string; name: string; term: number }
  /** To take a profile of the process; answered by one `profile` after the other, each asked for by `profile_next`. */
  | { type: "profile"; jobId: string; requestId: number; request: ProfileRequest }
  | { type: "profile_next"; jobId: string; requestId: number };

/** The answer to a job's request; exactly one for each. */
export interface ReplyMessage {
  type: "reply";
  jobId: string;
  requestId: number;
  ok: boolean;
  value?: unknown;
  error?: { code: string; message: string };
}

/** Who hears a published message: jobs in the same room, or all jobs. */
export const BUS_SCOPES = ["room", "everywhere"] as const;
export type BusScope = typeof BUS_SCOPES[number];
export interface BusSender {
  jobId: string;
  agent: string;
  room: string;
}

/** How `entry` ended, as the child saw it. A child that dies says nothing; its exit is classified by the parent. */
export const END_REASONS = [
  "entry_returned",
  "entry_threw",
  "room_closed",
  "participant_left",
  "connection_lost",
  "removed_from_room",
  "shutdown_requested",
  "alone",
  "heartbeat_missed",
  ...CANCEL_REASONS,
] as const;

const jobId = z.string().min(1).max(64);
const errorText = z.string().max(16_384);

const metricPoint = z.object({
  /** counter: what to add · gauge: the value of this job · histogram: one observed value. */
  kind: z.enum(["counter", "gauge", "histogram"]),
  name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/),
  labels: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/), z.string().max(128)).optional(),
  value: z.number(),
});
export type MetricPoint = z.infer<typeof metricPoint>;

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
    error: z.object({
      name: z.string().max(256),
      message: errorText,
      stack: errorText.optional(),
      class: z.enum(FAILURE_CLASSES).optional(),
      retryAfterMs: z.number().int().nonnegative().max(86_400_000).optional(),
      /** What is wrong, of a validation error. */
      field: z.string().max(256).optional(),
    }).optional(),
  }),
  /** From a process that holds several jobs: this one has left it. Not clean: something of it still runs in there. */
  z.object({ type: z.literal("left"), jobId, isClean: z.boolean() }),
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
  /** Something only the control plane can do for the job: see job_requests.ts for the methods. */
  z.object({
    type: z.literal("request"),
    jobId,
    requestId: z.number().int().nonnegative(),
    method: z.string().min(1).max(64),
    params: z.unknown(),
  }),
  /** How far the job is, in its author's own words (ctx.progress). */
  z.object({ type: z.literal("progress"), jobId, value: z.unknown() }),
  /** What changed of the author's own metrics (ctx.metrics) since the last such message. */
  z.object({ type: z.literal("metrics"), jobId, points: z.array(metricPoint).max(MAX_METRIC_POINTS) }),
  /** A hook's answer; `error` says why there is none. */
  z.object({
    type: z.literal("hooked"),
    requestId: z.number().int(),
    ok: z.boolean(),
    value: z.unknown().optional(),
    error: errorText.optional(),
  }),
  /** A piece of a profile, compressed, in base64; or why there is none. */
  z.object({
    type: z.literal("profile"),
    jobId,
    requestId: z.number().int(),
    isLast: z.boolean(),
    chunk: z.base64().max(700_000).optional(),
    error: z.object({ code: z.enum(["heap_too_large", "profile_failed"]), message: z.string().max(1_024) }).optional(),
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
export type RequestMessage = Extract<ChildMessage, { type: "request" }>;
export type EndReason = typeof END_REASONS[number];
