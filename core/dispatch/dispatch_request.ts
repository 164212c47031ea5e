/** What `POST /api/v1/dispatches` takes: body and query, validated here and described in openapi.json from here. */
import { z } from "zod";
import { ONE_AGENT_PER_ROOM, PLACEMENTS, PRIORITIES } from "../../db/schema/states.ts";
import { MAX_AHEAD_MS } from "./schedule.ts";

/** LiveKit's own limit of a room name (limit.max_room_name_length). */
export const MAX_ROOM_NAME_CHARS = 256;
/** LiveKit's own limit of an identity. */
const MAX_IDENTITY_CHARS = 256;
const MAX_REGION_CHARS = 64;
export const MAX_WAIT_MS = 120_000;
export const DEFAULT_WAIT_MS = 10_000;

// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
const NOT_PLAIN = "must not contain control characters";

/** What names and filters may hold: anything but control characters (Postgres refuses U+0000) and half characters. */
export function isPlainText(text: string): boolean {
  return !CONTROL_CHARACTER.test(text) && text.isWellFormed();
}

export const agentNameSchema = z.string().min(1, "must name an agent").max(64).refine(isPlainText, NOT_PLAIN)
  .meta({ description: "Name of the agent, as in its file.", example: "echo" });

export const roomNameSchema = z.string().min(1, "must name a room").max(MAX_ROOM_NAME_CHARS)
  .refine(isPlainText, NOT_PLAIN)
  .refine((name) => name.trim() === name, "must not begin or end with white space")
  .meta({ description: "Room to put the agent into; LiveKit makes it when it does not exist.", example: "support-42" });

export const metadataSchema = z.union([z.record(z.string(), z.unknown()), z.string()])
  .meta({ description: "Handed to the agent as ctx.metadata; checked by its schema when it has one." });

export const dispatchRequestSchema = z.strictObject({
  agent: agentNameSchema,
  room: roomNameSchema,
  metadata: metadataSchema.optional(),
  priority: z.enum(PRIORITIES).optional().meta({
    description:
      "Place in the queue. Unless set here: metadata.priority, or what the agent's own function says, or high for publisher agents, or normal.",
  }),
  idempotencyKey: z.string().min(1).max(255).regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .optional()
    .meta({ description: "The same key with the same body answers with the same dispatch for 24 h." }),
  participantIdentity: z.string().min(1).max(MAX_IDENTITY_CHARS).refine(isPlainText, NOT_PLAIN).optional().meta({
    description: "The participant that the agent is for: required by participant and publisher agents placed directly.",
    example: "caller-7",
  }),
  scheduledAt: z.iso.datetime({ offset: true }).optional().meta({
    description: "Starts then, at most 30 days ahead; a time that is past is now. Of direct placement.",
    example: "2030-01-02T03:04:05Z",
  }),
  deadlineMs: z.int().min(1).max(MAX_AHEAD_MS).optional().meta({
    description: "Expires when no agent is ready so long after the request (after scheduledAt, when given).",
    example: 60_000,
  }),
  region: z.string().min(1).max(MAX_REGION_CHARS).refine(isPlainText, NOT_PLAIN).optional().meta({
    description: "Where the agent should run: instances of this region (GREENROOM_REGION) take it first.",
  }),
  oneAgentPerRoom: z.enum(ONE_AGENT_PER_ROOM).optional().meta({
    description:
      "When this agent is in the room already, or will be (for the same participant): refuse (409), or reuse: answer with that dispatch (200). Not given: several may be there.",
  }),
  placement: z.enum(PLACEMENTS).optional().meta({
    description:
      "direct (default): our queue picks a slot and mints the token. livekit: LiveKit's server picks a worker.",
  }),
}).meta({ id: "DispatchRequest" });

export type DispatchRequest = z.infer<typeof dispatchRequestSchema>;

export const WAITS = ["none", "accepted", "ready", "done"] as const;
export type Wait = typeof WAITS[number];

export const waitQuerySchema = z.object({
  wait: z.enum(WAITS).default("none").meta({ description: "Answer only when the dispatch has got this far." }),
  waitMs: z.string().regex(/^\d+$/, "must be a whole number of milliseconds").transform(Number)
    .refine((ms) => ms >= 1 && ms <= MAX_WAIT_MS, `must be between 1 and ${MAX_WAIT_MS}`).default(DEFAULT_WAIT_MS)
    .meta({ description: "How long to wait, in milliseconds." }),
  onWaitTimeout: z.enum(["continue", "cancel"]).default("continue")
    .meta({ description: "What happens to the dispatch when the wait runs out." }),
});

export const retryRequestSchema = z.strictObject({
  metadata: metadataSchema.optional(),
}).meta({ id: "RetryRequest" });
