/** Who may ask what. Everything needs an API key but the paths named here (architecture.md 3). */
import type { Principal } from "../../core/auth/api_keys.ts";
import { problem } from "./problem.ts";

const OPEN_PATHS = new Set(["/", "/health", "/ready", "/api/v1/openapi.json", "/livekit/webhook"]);

export function isOpen(pathname: string): boolean {
  return OPEN_PATHS.has(pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname);
}

export function unauthorized(): Response {
  return problem({
    status: 401,
    code: "unauthorized",
    title: "An API key is needed",
    detail: "The request has no valid API key.",
    remedy:
      "Send Authorization: Bearer <key>. The key is GREENROOM_API_KEY, or in the file whose path is printed at start.",
    headers: { "www-authenticate": 'Bearer realm="greenroom"' },
  });
}

/** For the history: "rest:<key name>". */
export function actorOf(principal: Principal | null): string {
  return `rest:${principal?.name ?? "anonymous"}`;
}
