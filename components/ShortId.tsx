/** The last 8 characters of an id (the first ones are only time); the whole on hover. */
import { shortId } from "./format.ts";

export function ShortId({ id }: { id: string }) {
  return <span class="id" title={id}>{shortId(id)}</span>;
}
