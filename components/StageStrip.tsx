/** The promise, stage by stage, to scale. Waiting is hatched. */
import type { StageSpan } from "./dispatch/stage_times.ts";
import { duration } from "./format.ts";

/** @param scaleMs the whole width; by default what the stages took. */
export function StageStrip(
  { spans, scaleMs, class: className = "stages" }: { spans: readonly StageSpan[]; scaleMs?: number; class?: string },
) {
  const reached = spans.filter(({ atMs }) => atMs !== null);
  const totalMs = reached.reduce((sum, { lastedMs }) => sum + lastedMs, 0);
  const label = reached.length === 0
    ? "no stage reached yet"
    : reached.map(({ word, lastedMs }) => `${duration(lastedMs)} ${word.toLowerCase()}`).join(", ");
  const rest = scaleMs === undefined ? 0 : Math.max(0, scaleMs - totalMs);
  const columns = [...reached.map(({ lastedMs }) => Math.max(0.5, lastedMs)), rest].map((fr) => `${fr}fr`).join(" ");
  return (
    <div class={className} style={`grid-template-columns: ${columns}`} role="img" aria-label={label}>
      {reached.map(({ key, colour, isWait }) => (
        <i key={key} class="stage" data-k={isWait ? "wait" : undefined} style={`--k: ${colour}`}></i>
      ))}
    </div>
  );
}
