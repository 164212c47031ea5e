/** Where to go after signing in: a path of ours, whatever the link said. */

const MAX_CHARS = 2_000;
const HERE = "http://here.invalid";

/** The path, query and hash of `next` if it stays on this site, else "/". */
export function safeNextPath(next: string | null): string {
  if (next === null || next.length > MAX_CHARS || !next.startsWith("/") || !URL.canParse(next, HERE)) return "/";
  const url = new URL(next, HERE);
  if (url.origin !== HERE) return "/";
  // "/.//evil.example" parses to the path "//evil.example", which a browser would take for another host.
  if (/^\/[/\\]/.test(url.pathname) || /^\/(sign-in|sign-out|api)(\/|$)/.test(url.pathname)) return "/";
  url.searchParams.delete("fresh-partial");
  return url.pathname + url.search + url.hash;
}
