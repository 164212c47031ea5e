/** Whether a write comes from one of our own pages, as far as the browser tells. */
import { hostNameOf, type HostPolicy } from "./host_policy.ts";

/**
 * False when the browser says that the request comes from another site: by Origin, else Referer, else Sec-Fetch-Site.
 * A request without any of them comes from no browser page of today; it passes here (a session's write still needs its
 * token). A proxy may have changed Host: then the origin's name must be one that the operator listed.
 */
export function isFromOwnPages(headers: Headers, host: string, policy: HostPolicy): boolean {
  const source = headers.get("origin") ?? headers.get("referer");
  if (source === null) {
    const site = headers.get("sec-fetch-site");
    return site === null || site === "same-origin" || site === "none";
  }
  if (!URL.canParse(source)) return false; // "null": a sandboxed or privacy-hidden page
  const origin = new URL(source);
  if (origin.protocol !== "http:" && origin.protocol !== "https:") return false;
  if (withoutDefaultPort(origin.host) === withoutDefaultPort(host.toLowerCase())) return true;
  return hostNameOf(origin.host) !== null && policy.isListed(origin.hostname);
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:(80|443)$/, "");
}
