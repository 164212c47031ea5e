/** What the dashboard's pages share. */
import { page } from "fresh";
import { includesRole } from "../../core/auth/principal.ts";
import type { State } from "./define.ts";

/** Pages show what is true now: nobody may keep them. */
export function pageData<T>(data: T) {
  return page(data, { headers: { "cache-control": "no-store" } });
}

/** Whether the reader is shown what operators can do; routes that write check it themselves. */
export function canOperate({ principal }: State): boolean {
  return principal !== null && includesRole(principal.role, "operator");
}

/** Whether the reader is shown what only admins can do. */
export function canAdminister({ principal }: State): boolean {
  return principal !== null && includesRole(principal.role, "admin");
}
