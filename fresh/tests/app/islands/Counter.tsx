import { useSignal } from "@preact/signals";

export default function Counter({ id, start }: { id: string; start: number }) {
  const count = useSignal(start);
  return <button type="button" id={id} onClick={() => count.value++}>{count}</button>;
}
