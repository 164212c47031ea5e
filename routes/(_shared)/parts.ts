import type { Parts } from "../../core/services/control_plane.ts";
import type { State } from "./define.ts";

/** The running parts; routes below api/v1 are only reached when they are there (see api/v1/_middleware.ts). */
export function partsOf(state: State): Parts {
  const { parts } = state.controlPlane;
  if (!parts) throw new Error("Cannot serve this route: the control plane has not started");
  return parts;
}
