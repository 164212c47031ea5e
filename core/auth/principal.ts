/** Who is behind a request, and what a role may do. */
import { type Role, ROLES } from "../../db/schema/states.ts";

export interface Principal {
  /** Name of the key that was used now or to sign in, for history and audit. */
  name: string;
  /** viewer reads; operator also dispatches, cancels and retries; admin also makes keys and changes settings. */
  role: Role;
  /** A Bearer key, or the cookie of a signed-in browser. */
  via: "key" | "session";
}

/** Whether `role` includes `needed`: each role can do what those before it can. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
