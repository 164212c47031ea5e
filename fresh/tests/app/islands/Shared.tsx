import type { ReadonlySignal, Signal } from "@preact/signals";

/** Two of these with one signal show one value. */
export default function Shared(
  { id, value, double }: { id: string; value: Signal<number>; double: ReadonlySignal<number> },
) {
  return <button type="button" id={id} onClick={() => value.value++}>{value} {double}</button>;
}
