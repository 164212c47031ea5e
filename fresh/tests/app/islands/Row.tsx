import { useSignal } from "@preact/signals";

/** Two table rows without an element around them, one more after each click. */
export default function Row({ name }: { name: string }) {
  const rows = useSignal(2);
  return (
    <>
      {Array.from({ length: rows.value }, (_, index) => (
        <tr key={index}>
          <td class={name} onClick={() => rows.value++}>{name} {index}</td>
        </tr>
      ))}
    </>
  );
}
