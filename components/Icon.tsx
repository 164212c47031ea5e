/** One symbol of static/icons.svg: `i-*` are lucide's, `st-*` our glyphs of states. Decoration: its word stands beside it. */
export function Icon({ name, class: className = "icon" }: { name: string; class?: string }) {
  return (
    <svg class={className} aria-hidden="true">
      <use href={`/icons.svg#${name}`} />
    </svg>
  );
}
