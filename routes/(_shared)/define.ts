import { createDefine } from "fresh";
import type { Principal } from "../../core/auth/api_keys.ts";
import type { ControlPlane } from "../../core/services/control_plane.ts";

/** What middlewares put on a request. */
export interface State {
  controlPlane: ControlPlane;
  /** Who asks; null on routes that are open. */
  principal: Principal | null;
}

export const define = createDefine<State>();
