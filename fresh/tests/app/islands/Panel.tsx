import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

/** Shows its children on demand; the title is a slot of its own. */
export default function Panel(
  { id, title, isOpen, children }: {
    id: string;
    title?: ComponentChildren;
    isOpen: boolean;
    children?: ComponentChildren;
  },
) {
  const open = useSignal(isOpen);
  return (
    <section id={id}>
      <header>{title}</header>
      <button type="button" class="toggle" onClick={() => open.value = !open.value}>
        {open.value ? "close" : "open"}
      </button>
      {open.value && <div class="content">{children}</div>}
    </section>
  );
}
