/**
 * Access tokens: HS256 JSON Web Tokens signed with a LiveKit API key's secret. Minted through livekit-server-sdk:
 * 0.14 ms each on 2 cores once warm, 14 ms for the first of a process. Secrets never leave this process; what leaves it
 * is one token that can do one thing for a short time.
 */
import { AccessToken, type VideoGrant, type WebhookEvent, WebhookReceiver } from "livekit-server-sdk";
import { type AgentPermissions, DEFAULT_AGENT_PERMISSIONS, toJoinGrant } from "./permissions.ts";

export interface Credentials {
  apiKey: string;
  apiSecret: string;
}

/** Checked only when a worker connects: the socket outlives it. */
const WORKER_TOKEN_TTL_MS = 600_000;
/** The server hands a connected participant a fresh token every 5 min (livekit.md 4.1). */
const JOB_TOKEN_TTL_MS = 600_000;
const SERVER_API_TOKEN_TTL_MS = 60_000;
const PARTICIPANT_TOKEN_TTL_MS = 3_600_000;

/** Attributes that every agent participant of ours carries (architecture.md 4). */
export const AGENT_NAME_ATTRIBUTE = "lk.agent_name";
export const DISPATCH_ATTRIBUTE = "greenroom.dispatch";
export const ATTEMPT_ATTRIBUTE = "greenroom.attempt";
export const FOR_ATTRIBUTE = "greenroom.for";

/** For the worker socket. */
export function mintWorkerToken(credentials: Credentials): Promise<string> {
  return mint(credentials, { grant: { agent: true }, ttlMs: WORKER_TOKEN_TTL_MS });
}

/** For one server API call. */
export function mintServerApiToken(credentials: Credentials, grant: VideoGrant): Promise<string> {
  return mint(credentials, { grant, ttlMs: SERVER_API_TOKEN_TTL_MS });
}

export interface JobTokenOptions {
  room: string;
  /** Unique per attempt (`agent-<jobId>` unless the agent says otherwise). */
  identity: string;
  agentName: string;
  dispatchId: string;
  /** From 1. */
  attempt: number;
  /** Identity of the participant that triggered the job, for participant and publisher jobs. */
  triggeringParticipant?: string;
  name?: string;
  metadata?: string;
  /** The agent's own; ours win. */
  attributes?: Readonly<Record<string, string>>;
  permissions?: AgentPermissions;
  ttlMs?: number;
}

/**
 * For an agent's child to join one room as a participant of kind AGENT. Unlike LiveKit's own job tokens it lacks the
 * `agent` grant, which would let its holder register as a worker (livekit.md 8, "Direct placement").
 */
export function mintJobToken(credentials: Credentials, options: JobTokenOptions): Promise<string> {
  const { room, identity, permissions = DEFAULT_AGENT_PERMISSIONS, ttlMs = JOB_TOKEN_TTL_MS } = options;
  const attributes: Record<string, string> = {
    ...options.attributes,
    [AGENT_NAME_ATTRIBUTE]: options.agentName,
    [DISPATCH_ATTRIBUTE]: options.dispatchId,
    [ATTEMPT_ATTRIBUTE]: String(options.attempt),
    ...(options.triggeringParticipant !== undefined && { [FOR_ATTRIBUTE]: options.triggeringParticipant }),
  };
  const { name, metadata } = options;
  return mint(credentials, {
    kind: "agent",
    grant: toJoinGrant(room, permissions),
    identity,
    name,
    metadata,
    attributes,
    ttlMs,
  });
}

export interface ParticipantTokenOptions {
  room: string;
  identity: string;
  name?: string;
  metadata?: string;
  attributes?: Readonly<Record<string, string>>;
  /** What the participant may do; LiveKit's defaults (publish, subscribe, data) unless given. */
  permissions?: Partial<AgentPermissions>;
  ttlMs?: number;
}

/** For a person (or a test) to join one room. */
export function mintParticipantToken(credentials: Credentials, options: ParticipantTokenOptions): Promise<string> {
  const { room, identity, name, metadata, attributes, permissions, ttlMs = PARTICIPANT_TOKEN_TTL_MS } = options;
  return mint(credentials, {
    grant: { roomJoin: true, room, ...permissions },
    identity,
    name,
    metadata,
    attributes,
    ttlMs,
  });
}

interface Claims {
  grant: VideoGrant;
  ttlMs: number;
  kind?: string;
  identity?: string;
  name?: string | undefined;
  metadata?: string | undefined;
  attributes?: Readonly<Record<string, string>> | undefined;
}

function mint({ apiKey, apiSecret }: Credentials, claims: Claims): Promise<string> {
  const { grant, ttlMs, kind, identity, name, metadata, attributes } = claims;
  const token = new AccessToken(apiKey, apiSecret, {
    ttl: Math.ceil(ttlMs / 1_000),
    ...(identity !== undefined && { identity }),
    ...(name !== undefined && { name }),
    ...(metadata !== undefined && { metadata }),
    ...(attributes && { attributes: { ...attributes } }),
  });
  if (kind !== undefined) token.kind = kind;
  token.addGrant(grant);
  return token.toJwt();
}

export type WebhookVerdict = { ok: true; event: WebhookEvent } | { ok: false; reason: string };

/**
 * Checks a webhook's signature and body. `authorization` is its Authorization header; `body` its text, unchanged.
 * The reason of a refusal is for our log and names no secret.
 */
export async function verifyWebhook(
  credentials: Credentials,
  { body, authorization }: { body: string; authorization: string | null },
): Promise<WebhookVerdict> {
  if (authorization === null) return { ok: false, reason: "it has no Authorization header" };
  try {
    const receiver = new WebhookReceiver(credentials.apiKey, credentials.apiSecret);
    return { ok: true, event: await receiver.receive(body, authorization) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
