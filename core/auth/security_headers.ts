/**
 * Headers that tell browsers how little our pages need. Scripts come from our own origin only, none inline (the JSON that
 * islands start from is data, which the policy does not concern); style attributes are allowed, style elements are not.
 */

type Headings = readonly (readonly [name: string, value: string])[];

/** Sets what is not set yet, `more` too. `livekitUrl` (ws or wss) is where the call page may connect to. */
export function withSecurityHeaders(response: Response, livekitUrl: string | null, more: Headings = []): Response {
  if (response.status === 101) return response;
  const own = [...more, ...securityHeaders(livekitUrl)];
  try {
    setMissing(response.headers, own);
    return response;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const copy = new Response(response.body, response); // its headers were immutable
    setMissing(copy.headers, own);
    return copy;
  }
}

function setMissing(headers: Headers, own: Headings): void {
  for (const [name, value] of own) if (!headers.has(name)) headers.set(name, value);
}

/** By LiveKit URL, of which there is one (and null before it is known). */
const made = new Map<string | null, Headings>();
const MAX_MADE = 10;

export function securityHeaders(livekitUrl: string | null): Headings {
  const known = made.get(livekitUrl);
  if (known) return known;
  const headers = [
    ["content-security-policy", contentSecurityPolicy(livekitUrl)],
    ["x-content-type-options", "nosniff"],
    ["x-frame-options", "DENY"],
    // Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    ["referrer-policy", "same-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-resource-policy", "same-origin"],
    ["permissions-policy", "microphone=(self), camera=(), geolocation=(), payment=()"],
  ] as const;
  if (made.size >= MAX_MADE) made.clear();
  made.set(livekitUrl, headers);
  return headers;
}

export function contentSecurityPolicy(livekitUrl: string | null): string {
  return [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "media-src 'self' blob: mediastream:",
    "worker-src 'self' blob:",
    `connect-src ${["'self'", ...livekitOrigins(livekitUrl)].join(" ")}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** livekit-client opens a WebSocket, and asks by http why one was refused. */
function livekitOrigins(livekitUrl: string | null): string[] {
  if (livekitUrl === null || !URL.canParse(livekitUrl)) return [];
  const { protocol, host } = new URL(livekitUrl);
  const isTls = protocol === "wss:" || protocol === "https:";
  return isTls ? [`wss://${host}`, `https://${host}`] : [`ws://${host}`, `http://${host}`];
}
