import { explainDispatch, type Explanation } from "../../core/dispatch/dispatch_explanation.ts";
import type { DispatchView } from "../../core/dispatch/dispatch_view.ts";
import type { Parts } from "../../core/services/control_plane.ts";

/** Why a dispatch is where it is. */
export function explanationOf(
  { database, catalog, admission, instanceId }: Parts,
  view: DispatchView,
): Promise<Explanation> {
  const isHosted = catalog.find(view.agent)?.state === "ready";
  const refusal = admission.refusalFor(view.agent);
  const own = isHosted ? { instanceId, running: admission.snapshot().used, refusal } : null;
  return explainDispatch(database.reads, view, own);
}
