import { HttpError } from "fresh";
import type { Parts } from "../../core/services/control_plane.ts";
import type { State } from "./define.ts";

/** The running parts; 503 while the control plane starts (routes below api/v1 say so by their own middleware). */
export function partsOf(state: State): Parts {
  const { parts } = state.controlPlane;
  if (!parts) throw new HttpError(503, "Greenroom is starting");
  return parts;
}
