/** A number in a table: zero is faint, unknown says why. */
import { count } from "./format.ts";
import { Unknown } from "./Unknown.tsx";

export function Figure({ value, why = "not known" }: { value: number | null; why?: string }) {
  if (value === null) return <Unknown why={why} />;
  return value === 0 ? <span class="text-faint">0</span> : <>{count(value)}</>;
}
