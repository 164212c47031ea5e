/** What `POST /api/v1/tokens` takes and answers: a person's token for one room, and an agent with it if asked. */
import { z } from "zod";
import { dispatchRequestSchema, isPlainText, roomNameSchema } from "../../core/dispatch/dispatch_request.ts";
import { dispatchViewSchema } from "../../core/dispatch/dispatch_view.ts";

/** LiveKit's own limits of an identity and a name (limit.max_participant_identity_length, _name_length). */
const MAX_IDENTITY_CHARS = 256;
const MAX_NAME_CHARS = 256;
const MAX_ATTRIBUTES = 32;
/** Of metadata and attributes together: a token travels in a URL, and proxies cut those at 8 kB. */
const MAX_EXTRA_BYTES = 4_096;
const MIN_TTL_SECONDS = 10;
const MAX_TTL_SECONDS = 86_400;
const DEFAULT_TTL_SECONDS = 3_600;

/** Whoever joins with an agent's identity throws the agent out, and is taken for it. */
const AGENT_IDENTITY_PREFIX = "agent-";
/** By these others know agents and what they have reached (livekit.md 7b). */
const RESERVED_ATTRIBUTE = /^(greenroom|lk)\./;

const plain = (maxChars: number) =>
  z.string().min(1).max(maxChars).refine(isPlainText, "must not contain control characters");

const text = z.string().refine((given) => given.isWellFormed(), "must not contain half characters");

/** A dispatch request without its room, which is the token's. */
function dispatchFields() {
  const { room: _room, ...fields } = dispatchRequestSchema.shape;
  return z.strictObject(fields);
}

export const tokenRequestSchema = z.strictObject({
  room: roomNameSchema,
  identity: plain(MAX_IDENTITY_CHARS)
    .refine((identity) => !identity.startsWith(AGENT_IDENTITY_PREFIX), "must not begin with agent-, as agents' do")
    .optional()
    .meta({ description: "Who joins, once per room; made up unless given.", example: "caller-42" }),
  name: plain(MAX_NAME_CHARS).optional().meta({ description: "What others in the room are shown." }),
  metadata: text.optional(),
  attributes: z.record(plain(MAX_NAME_CHARS), text).optional()
    .refine((given) => Object.keys(given ?? {}).length <= MAX_ATTRIBUTES, `must be at most ${MAX_ATTRIBUTES}`)
    .refine(
      (given) => !Object.keys(given ?? {}).some((name) => RESERVED_ATTRIBUTE.test(name)),
      "must not begin with greenroom. or lk., which mark agents",
    ),
  canPublish: z.boolean().default(true).meta({ description: "Audio, video and data." }),
  canSubscribe: z.boolean().default(true),
  ttlSeconds: z.int().min(MIN_TTL_SECONDS).max(MAX_TTL_SECONDS).default(DEFAULT_TTL_SECONDS)
    .meta({ description: "Until when one can join with it; who is in the room by then stays." }),
  dispatch: dispatchFields().optional().meta({ description: "An agent for this room, asked for in the same call." }),
}).refine(({ metadata, attributes }) => extraBytes(metadata, attributes) <= MAX_EXTRA_BYTES, {
  message: `and attributes must be at most ${MAX_EXTRA_BYTES} bytes together`,
  path: ["metadata"],
}).meta({ id: "TokenRequest" });

export const tokenViewSchema = z.object({
  token: z.string().meta({ description: "For LiveKit's client; lets its holder into this room, and nothing else." }),
  url: z.string().meta({ description: "Where to connect: LIVEKIT_PUBLIC_URL, or else LIVEKIT_URL." }),
  room: z.string(),
  identity: z.string(),
  expiresAt: z.iso.datetime(),
  dispatch: dispatchViewSchema.optional(),
}).meta({ id: "Token" });

export type TokenView = z.infer<typeof tokenViewSchema>;

/** For somebody who did not say who they are. */
export function newIdentity(): string {
  return `guest-${crypto.randomUUID().slice(0, 8)}`;
}

function extraBytes(metadata = "", attributes: Record<string, string> = {}): number {
  return new TextEncoder().encode(metadata + Object.entries(attributes).flat().join("")).length;
}
