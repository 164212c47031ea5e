/** A state as glyph + word + colour, never colour alone. Words are those of lists, search and REST. */
import { Icon } from "./Icon.tsx";

const GLYPHS: Record<string, string> = {
  created: "st-placed",
  assigned: "st-placed",
  placed: "st-placed",
  queued: "st-queued",
  scheduled: "st-scheduled",
  retrying: "st-retrying",
  running: "st-running",
  serving: "st-running",
  succeeded: "st-succeeded",
  failed: "st-failed",
  expired: "st-expired",
  cancelled: "st-cancelled",
  silent: "st-silent",
  attention: "st-attention",
  draining: "st-draining",
  cordoned: "st-cordoned",
  unknown: "st-unknown",
};

export function glyphOf(state: string): string {
  return GLYPHS[state] ?? "st-unknown";
}

export function State({ state, word, isChip = false }: { state: string; word?: string; isChip?: boolean }) {
  return (
    <span class={isChip ? "state state-chip" : "state"} data-state={state}>
      <Icon name={glyphOf(state)} class="" />
      {word ?? state}
    </span>
  );
}
