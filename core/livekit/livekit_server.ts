/** The LiveKit server that this instance works with: its name in rows, where children and browsers find it, and the key pair. */
import type { Credentials } from "./tokens.ts";

export interface LivekitServer {
  /** "local" for the one that we start ourselves, "default" for LIVEKIT_URL. */
  readonly name: string;
  /** ws(s) URL for agents and workers. Throws before a local server has started. */
  readonly url: string;
  /** ws(s) URL for browsers. */
  readonly publicUrl: string;
  credentials(): Credentials;
}
