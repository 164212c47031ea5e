/** A dash that says why there is no value: what is not known is never shown as 0. */
export function Unknown({ why }: { why: string }) {
  return <span class="text-faint" title={why}>—</span>;
}
