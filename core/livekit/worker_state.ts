/**
 * The state of one worker connection, as a pure function of what happened.
 *
 *   connecting ──registered──▶ registered ──lost──▶ reconnecting ──registered──▶ registered
 *       └─ lost: stays                                   └─ lost: stays            any ──stopped──▶ stopped
 */
import type { Explanation } from "./connection_explanations.ts";

export interface ServerInfo {
  version: string;
  nodeId: string;
  region: string;
  protocol: number;
  agentProtocol: number;
}

export interface WorkerConnectionSnapshot {
  state: "connecting" | "registered" | "reconnecting" | "stopped";
  /** AW_…, new on every connection; null unless registered. */
  workerId: string | null;
  serverInfo: ServerInfo | null;
  /** Connections that failed or were lost since the last stable one. */
  attempts: number;
  /** When the present state began. */
  since: Date;
  /** From when on the server surely offers jobs to this worker; null unless registered. */
  settledAt: Date | null;
  /** How the last connection that had registered was lost. */
  lastClose: ({ code: number; reason: string; at: Date } & Explanation) | null;
  /** Why the last attempt to connect failed; null again once registered. */
  lastError: ({ at: Date } & Explanation) | null;
  /** Of the last answered WorkerPing. */
  pingRttMs: number | null;
  framesDropped: number;
}

export type WorkerEvent =
  | { kind: "registered"; workerId: string; serverInfo: ServerInfo | null }
  | { kind: "closed"; code: number; reason: string; explanation: Explanation }
  | { kind: "failed"; explanation: Explanation }
  | { kind: "pong"; rttMs: number }
  | { kind: "frame_dropped" }
  | { kind: "stopped" };

/** The server acknowledges before it indexes the worker (livekit.md 3, registration race). */
const SETTLE_MS = 300;
/** A connection that held this long was a good one: its loss begins a new count of attempts. */
const STABLE_MS = 10_000;

export function initialSnapshot(now: Date): WorkerConnectionSnapshot {
  return {
    state: "connecting",
    workerId: null,
    serverInfo: null,
    attempts: 0,
    since: now,
    settledAt: null,
    lastClose: null,
    lastError: null,
    pingRttMs: null,
    framesDropped: 0,
  };
}

export function applyEvent(before: WorkerConnectionSnapshot, event: WorkerEvent, now: Date): WorkerConnectionSnapshot {
  const disconnected = { workerId: null, settledAt: null, pingRttMs: null };
  switch (event.kind) {
    case "registered": {
      const { workerId, serverInfo } = event;
      const settledAt = new Date(now.getTime() + SETTLE_MS);
      return { ...before, state: "registered", workerId, serverInfo, since: now, settledAt, lastError: null };
    }
    case "closed": {
      const wasStable = now.getTime() - before.since.getTime() >= STABLE_MS;
      const lastClose = { code: event.code, reason: event.reason, at: now, ...event.explanation };
      const attempts = wasStable ? 1 : before.attempts + 1;
      return { ...before, ...disconnected, state: "reconnecting", since: now, attempts, lastClose };
    }
    case "failed":
      return { ...before, attempts: before.attempts + 1, lastError: { at: now, ...event.explanation } };
    case "pong":
      return { ...before, pingRttMs: event.rttMs };
    case "frame_dropped":
      return { ...before, framesDropped: before.framesDropped + 1 };
    case "stopped":
      return { ...before, ...disconnected, state: "stopped", since: now };
  }
}
