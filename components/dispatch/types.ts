/** Views of dispatches for islands, which may not import core: types only, nothing of it reaches the browser. */
export type { Explanation } from "../../core/dispatch/dispatch_explanation.ts";
export type { DispatchView, JobView, Stages } from "../../core/dispatch/dispatch_view.ts";
