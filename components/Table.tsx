/**
 * A table inside its own focusable region, the only thing that scrolls sideways. `relative`, or texts for screen readers
 * in its far columns would widen the page.
 */
import type { ComponentChildren } from "preact";

export function TableRegion({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="scroll-x relative" tabIndex={0} role="region" aria-label={`${label}, scrolls sideways`}>
      <table class="grid-table">{children}</table>
    </div>
  );
}
