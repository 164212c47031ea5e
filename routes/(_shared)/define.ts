import { createDefine } from "fresh";
import type { Principal } from "../../core/auth/principal.ts";
import type { ControlPlane } from "../../core/services/control_plane.ts";

/** What is written to the audit log about a request; see access.ts. */
export interface AuditNote {
  /** e.g. "dispatch.create". */
  action: string;
  /** What it was done to: an id or a name. */
  target: string | null;
  /** Set when the answer's status does not tell; it was done although the wait for it ran out, say. */
  outcome?: "ok" | "failed";
}

/** What middlewares put on a request. */
export interface State {
  controlPlane: ControlPlane;
  /** Who asks; null on routes that are open. */
  principal: Principal | null;
  /** What a signed-in browser must send with writes; null for others. `_app` puts it in `<meta name="csrf">`. */
  csrfToken: string | null;
  /** Set by `requireRole`. */
  audit?: AuditNote;
}

export const define = createDefine<State>();
