/**
 * How long a person waits for the agent's voice: from the person's last loud sample to the agent's next first one. Pure; fed
 * with the levels of both, some twenty times a second. Who is interrupted, or speaks twice, is no answer.
 */
import { SPEECH_DB } from "./level.ts";

/** A voice that pauses for less than this is still speaking. */
const PAUSE_MS = 300;
/** Older ones are forgotten. */
const MAX_ANSWERS = 200;

export interface Turns {
  /** When each was last loud; null: not yet. */
  ownLoudMs: number | null;
  agentLoudMs: number | null;
  /** The person has spoken and the agent has not answered yet. */
  isAwaited: boolean;
  answersMs: readonly number[];
}

export const NO_TURNS: Turns = { ownLoudMs: null, agentLoudMs: null, isAwaited: false, answersMs: [] };

export function heardNow(turns: Turns, nowMs: number, levels: { ownDb: number; agentDb: number }): Turns {
  const isOwnLoud = levels.ownDb >= SPEECH_DB;
  const isAgentLoud = levels.agentDb >= SPEECH_DB;
  if (!isOwnLoud && !isAgentLoud) return turns;
  const isOnset = isAgentLoud && !isSpeaking(turns.agentLoudMs, nowMs);
  const isAnswer = isOnset && !isOwnLoud && turns.isAwaited && turns.ownLoudMs !== null;
  return {
    ownLoudMs: isOwnLoud ? nowMs : turns.ownLoudMs,
    agentLoudMs: isAgentLoud ? nowMs : turns.agentLoudMs,
    isAwaited: isOwnLoud ? true : turns.isAwaited && !isOnset,
    answersMs: isAnswer && turns.ownLoudMs !== null
      ? [...turns.answersMs, nowMs - turns.ownLoudMs].slice(-MAX_ANSWERS)
      : turns.answersMs,
  };
}

export function isSpeaking(loudMs: number | null, nowMs: number): boolean {
  return loudMs !== null && nowMs - loudMs < PAUSE_MS;
}

/** Null before the first answer. */
export function answerFigures({ answersMs }: Turns): { medianMs: number; longestMs: number } | null {
  if (answersMs.length === 0) return null;
  const sorted = [...answersMs].sort((a, b) => a - b);
  return { medianMs: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, longestMs: sorted.at(-1) ?? 0 };
}
