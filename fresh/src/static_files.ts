/** Serves the build's files: `static/` from the root path, and the browser modules. */
import { BUILD_PARAM } from "./asset.ts";
import type { BuildFile } from "./build.ts";
import { BUILD, type Context } from "./context.ts";
import type { Middleware } from "./handlers.ts";

const REVALIDATE = "no-cache, no-store, max-age=0, must-revalidate";
const FOR_EVER = "public, max-age=31536000, immutable";

// deno-fmt-ignore
const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8", json: "application/json", map: "application/json", txt: "text/plain; charset=utf-8",
  xml: "application/xml", svg: "image/svg+xml", png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif",
  webp: "image/webp", avif: "image/avif", ico: "image/x-icon", woff: "font/woff", woff2: "font/woff2", ttf: "font/ttf",
  wasm: "application/wasm", pdf: "application/pdf", mp3: "audio/mpeg", wav: "audio/wav", mp4: "video/mp4",
  webmanifest: "application/manifest+json",
};

/** Files win over what follows, so register it first. What is no file falls through. */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const build = ctx[BUILD];
    const path = filePath(ctx as Context<unknown>);
    const file = path === null ? undefined : build.fileByPath.get(path);
    if (file === undefined) {
      return path === "/favicon.ico" ? new Response(null, { status: 404 }) : await ctx.next();
    }
    if (ctx.req.method !== "GET" && ctx.req.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const wanted = ctx.url.searchParams.get(BUILD_PARAM);
    if (wanted !== null && wanted !== build.id) return redirectToPlain(ctx.url);
    return await answer(ctx.req, file, wanted !== null || file.immutable === true);
  };
}

function filePath(ctx: Context<unknown>): string | null {
  const { basePath } = ctx.config;
  if (basePath !== "" && !ctx.url.pathname.startsWith(`${basePath}/`)) return null;
  try {
    return decodeURIComponent(ctx.url.pathname.slice(basePath.length));
  } catch {
    return null; // A malformed escape names no file; routing answers it.
  }
}

/** An old page asks for an old build's file: it gets today's, under a URL that is not kept. */
function redirectToPlain(url: URL): Response {
  const plain = new URL(url);
  plain.searchParams.delete(BUILD_PARAM);
  return new Response(null, { status: 307, headers: { location: plain.pathname + plain.search } });
}

async function answer(req: Request, file: BuildFile, isImmutable: boolean): Promise<Response> {
  const extension = file.path.slice(file.path.lastIndexOf(".") + 1).toLowerCase();
  const headers = new Headers({
    "content-type": TYPES[extension] ?? "application/octet-stream",
    "cache-control": isImmutable ? FOR_EVER : REVALIDATE,
    etag: `"${file.hash}"`,
    vary: "accept-encoding",
  });
  if (matchesEtag(req.headers.get("if-none-match"), file.hash)) return new Response(null, { status: 304, headers });
  if (file.source instanceof URL) {
    const handle = await Deno.open(file.source);
    headers.set("content-length", String((await handle.stat()).size));
    if (req.method === "HEAD") handle.close();
    return new Response(req.method === "HEAD" ? null : handle.readable, { headers });
  }
  headers.set("content-length", String(file.source.byteLength));
  return new Response(req.method === "HEAD" ? null : file.source, { headers });
}

/** Weak comparison: compression on the way makes our tag weak. */
function matchesEtag(header: string | null, hash: string): boolean {
  return header?.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === `"${hash}"`) ??
    false;
}
