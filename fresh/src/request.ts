/** Small questions about requests, paths and last-resort answers. */
import { reportUnhandled } from "./context.ts";
import { HttpError } from "./http_error.ts";

/** The request's URL with runs of slashes collapsed; behind a trusted proxy with the host and scheme the client used. */
export function requestUrl(req: Request, isProxyTrusted: boolean): URL {
  const url = new URL(req.url);
  if (url.pathname.includes("//")) url.pathname = url.pathname.replace(/\/{2,}/g, "/");
  if (!isProxyTrusted) return url;
  const forwarded = (name: string) => req.headers.get(`x-forwarded-${name}`)?.split(",")[0]?.trim();
  const host = forwarded("host");
  const scheme = forwarded("proto");
  if (host !== undefined && host !== "") {
    url.port = "";
    url.host = host;
  }
  if (scheme === "http" || scheme === "https") url.protocol = scheme;
  return url;
}

/** The segments of a path; a trailing "*" says "and below", which a level means anyway. */
export function levelOf(path: string): string[] {
  const segments = path.split("/").filter((segment) => segment !== "");
  return segments.at(-1) === "*" ? segments.slice(0, -1) : segments;
}

export function joinPath(base: string, path: string): string {
  const joined = `${base.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
  return joined.length > 1 ? joined.replace(/\/$/, "") : joined;
}

export function dropBodyOfHead(req: Request, response: Response): Response {
  if (req.method !== "HEAD" || response.body === null) return response;
  response.body.cancel().catch(reportUnhandled);
  return new Response(null, response);
}

/** The answer to an error that no error page took. */
export function plainError(error: unknown): Response {
  if (error instanceof HttpError) return new Response(error.message, { status: error.status });
  reportUnhandled(error);
  return new Response("Internal server error", { status: 500 });
}
