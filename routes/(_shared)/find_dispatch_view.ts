import { type DispatchView, viewOfDispatch } from "../../core/dispatch/dispatch_view.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { isUuid } from "./input.ts";

/** One dispatch as pages show it: from memory while it lives here, else as stored. */
export async function findDispatchView(
  { live, database }: Pick<Parts, "live" | "database">,
  id: string | null,
): Promise<DispatchView | null> {
  if (id === null || !isUuid(id)) return null;
  const found = live.find(id)?.view;
  if (found) return found;
  const row = await findDispatch(database, id);
  return row && viewOfDispatch(row);
}
