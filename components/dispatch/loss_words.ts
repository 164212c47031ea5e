/** What a loss meant for who was in the room. Pure. */
import { duration } from "../format.ts";
import type { LossView } from "./details.ts";

export function lossWords(loss: LossView): string {
  const { cause, wasHumanThere, deadAirMs, readyAt, givenUpAt } = loss;
  const lost = `The agent was lost (${cause.replaceAll("_", " ")})`;
  const isOpen = readyAt === null && givenUpAt === null;
  if (isOpen) return `${lost} and is not replaced yet.`;
  const heard = !wasHumanThere || deadAirMs === null
    ? "nobody was there to hear the silence"
    : `the caller heard nothing for ${duration(deadAirMs)}`;
  return readyAt === null ? `${lost} and was not replaced; ${heard}.` : `${lost} and replaced; ${heard}.`;
}
