/** What may hold up jobs on this instance now, as sentences for whoever reads why one was stuck. Pure. */
import type { LivekitHealthSnapshot } from "../livekit/livekit_health.ts";

/** Share of the CPU from which on it is worth naming. */
const BUSY_RATIO = 0.9;

/** @param cpuRatio busy share of the usable CPU, 0..1; null: unknown. */
export function circumstances(
  { state, since, error }: Pick<LivekitHealthSnapshot, "state" | "since" | "error">,
  cpuRatio: number | null,
): string[] {
  const found: string[] = [];
  if (state === "unreachable") {
    found.push(
      `The LiveKit server can't be reached since ${since.toISOString()}${error === null ? "" : `: ${error}`}.`,
    );
  }
  if (cpuRatio !== null && cpuRatio >= BUSY_RATIO) {
    found.push(`${Math.round(cpuRatio * 100)} % of the instance's CPU was busy.`);
  }
  return found;
}
