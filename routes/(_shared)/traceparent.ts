/** The caller's W3C traceparent (w3.org/TR/trace-context, version 00), or null when it has none or a broken one. */
export function traceparentOf(request: Request): string | null {
  const header = request.headers.get("traceparent") ?? "";
  const isValid = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(header);
  return isValid ? header : null;
}
