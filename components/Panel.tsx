/** A titled surface. `aside` stands at the right of its head. */
import type { ComponentChildren } from "preact";

interface PanelProps {
  id: string;
  title: string;
  lead?: ComponentChildren;
  aside?: ComponentChildren;
  /** Announced when it changes: for results of what the reader did. */
  isLive?: boolean;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ id, title, lead, aside, isLive = false, class: className = "panel", children }: PanelProps) {
  return (
    <section class={className} aria-labelledby={id} aria-live={isLive ? "polite" : undefined}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {lead}
        {aside !== undefined && <span class="ml-auto flex items-center gap-2 text-xs text-muted">{aside}</span>}
      </div>
      {children}
    </section>
  );
}
