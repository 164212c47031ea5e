/** How loud somebody is: segments light up, nothing grows or moves. */
import type { Signal } from "@preact/signals";
import { levelWord, litSegments, SEGMENTS } from "./level.ts";

const NUMBERS = Array.from({ length: SEGMENTS }, (_, number) => number);

/** @param colour CSS colour of lit segments. */
export function LevelMeter({ label, colour, levelDb }: { label: string; colour: string; levelDb: Signal<number> }) {
  const lit = litSegments(levelDb.value);
  return (
    <div
      class="level"
      role="img"
      aria-label={`${label}, ${levelWord(levelDb.value)}`}
      style={`--k: ${colour}`}
    >
      {NUMBERS.map((number) => <i key={number} data-on={number < lit ? "" : undefined}></i>)}
    </div>
  );
}
