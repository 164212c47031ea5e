/** One figure beside a name of the navigation, live: calls, rooms, workers, or what waits to be recovered. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { type Counts, type NoteKind, noteOf } from "../components/layout/counts.ts";
import { subscribe } from "../components/live/event_stream.ts";

interface Props {
  kind: NoteKind;
  /** null: not known. */
  initial: Counts | null;
  /** A dot on the icon instead of the figure beside the name. */
  isSmall?: boolean;
}

export default function NavigationNote({ kind, initial, isSmall = false }: Props) {
  const [counts, setCounts] = useState(initial);
  useEffect(() =>
    subscribe(["counts"], ({ name, data }) => {
      if (name === "counts" && data !== null) setCounts(data as Counts);
    }), []);
  const note = counts && noteOf(kind, counts);
  if (!note) return null;
  if (!note.isProblem) return <span class="n hidden xl:inline">{note.text}</span>;
  if (isSmall) {
    return (
      <span class="absolute -top-1 -right-2" data-state="attention" style="color: var(--c)">
        <Icon name="st-attention" class="size-3" />
        <span class="sr-only">{note.words}</span>
      </span>
    );
  }
  return (
    <span
      class="state text-xs max-xl:absolute max-xl:top-0 max-xl:right-0 max-xl:gap-0 xl:ml-auto"
      data-state="attention"
      title={note.words}
    >
      <Icon name="st-attention" class="max-xl:size-3!" />
      <span class="max-xl:sr-only">{note.text}</span>
    </span>
  );
}
