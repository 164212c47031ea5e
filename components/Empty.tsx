import type { ComponentChildren } from "preact";

/** Says whether nothing exists or a filter hides it, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="text-base font-semibold text-base-content">{title}</p>
      {children}
    </div>
  );
}
