/** The cookie that carries a session: readable by no script, sent to this site only. */

const NAME = "greenroom_session";
const VALUE = /^[A-Za-z0-9_-]{43}$/;

/** The session secret among a request's cookies, or null when there is none that could be ours. */
export function readSessionCookie(headers: Headers): string | null {
  for (const pair of headers.get("cookie")?.split(";") ?? []) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === NAME && value !== undefined && VALUE.test(value)) return value;
  }
  return null;
}

/**
 * SameSite=Lax, not Strict: a link to a failed job in a chat must open signed in. Writes don't rely on it, they need the
 * CSRF token. `isHttps` adds Secure, which a browser on plain http would refuse.
 */
export function sessionCookie(secret: string, { maxAgeMs, isHttps }: { maxAgeMs: number; isHttps: boolean }): string {
  return cookie(secret, Math.floor(maxAgeMs / 1000), isHttps);
}

/** Has the browser forget the cookie. */
export function expiredSessionCookie(isHttps: boolean): string {
  return cookie("", 0, isHttps);
}

/** Behind a proxy that ends TLS its header says so; who forges it only makes its own cookie stricter. */
export function isHttpsRequest(request: Request): boolean {
  const forwarded = request.headers.get("x-forwarded-proto")?.split(",")[0]?.trim().toLowerCase();
  return request.url.startsWith("https:") || forwarded === "https";
}

function cookie(value: string, maxAgeSeconds: number, isHttps: boolean): string {
  const secure = isHttps ? "; Secure" : "";
  return `${NAME}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${secure}`;
}
