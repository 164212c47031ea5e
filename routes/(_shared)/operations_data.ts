/** Bulk operations as the pages show them. */
import type { OperationsData } from "../../components/operations/types.ts";
import { viewOfBulkOperation } from "../../core/dispatch/bulk/bulk_request.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import type { Cursor } from "../../db/page.ts";
import { nextCursor } from "./list.ts";

export async function operationsData(
  { bulk }: Parts,
  page: { limit: number; cursor: Cursor | null },
): Promise<OperationsData> {
  const found = await bulk.operations.list(page);
  return {
    operations: found.map(viewOfBulkOperation),
    nextCursor: nextCursor(found, page.limit),
    isFirstPage: page.cursor === null,
    now: new Date().toISOString(),
  };
}
