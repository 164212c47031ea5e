import { count } from "../format.ts";
import { type BulkOperationView, ITEM_STATES } from "./types.ts";

/** How far an operation is: one part for each state that its items have, and the legend with the figures. */
export function ProgressBar({ counts }: { counts: BulkOperationView["counts"] }) {
  const parts = ITEM_STATES.filter(({ state }) => counts[state] > 0);
  const text = parts.map(({ state, word }) => `${count(counts[state])} ${word}`).join(", ");
  return (
    <div>
      <div
        class="stages h-2.5!"
        style={`grid-template-columns: ${parts.map(({ state }) => `${counts[state]}fr`).join(" ")}`}
        role="img"
        aria-label={text}
      >
        {parts.map(({ state, colour }) => <i key={state} class="stage" style={`--k: ${colour}`}></i>)}
      </div>
      <p class="legend mt-1.5">
        {ITEM_STATES.map(({ state, word, colour }) => (
          <span key={state}>
            <i class="key" style={`--k: ${colour}; border-top-width: 6px`}></i>
            {word} <b>{count(counts[state])}</b>
          </span>
        ))}
      </p>
    </div>
  );
}
