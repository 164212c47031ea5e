/** Serves the build's files: `static/` from the root path, and the browser modules. */
import { BUILD_PARAM } from "./asset.ts";
import { type BuildFile, CHUNK_FOLDER } from "./build.ts";

import { INTERNALS, type Middleware } from "./handlers.ts";

const REVALIDATE = "no-cache, no-store, max-age=0, must-revalidate";
const FOR_EVER = "public, max-age=31536000, immutable";

// deno-fmt-ignore
const TYPES: Record<string, string> = {
  html: "text/html", css: "text/css", js: "text/javascript", mjs: "text/javascript", txt: "text/plain",
  json: "application/json", map: "application/json", xml: "application/xml", webmanifest: "application/manifest+json",
  svg: "image/svg+xml", png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp",
  avif: "image/avif", ico: "image/x-icon", woff: "font/woff", woff2: "font/woff2", ttf: "font/ttf", pdf: "application/pdf",
  wasm: "application/wasm", mp3: "audio/mpeg", wav: "audio/wav", mp4: "video/mp4",
};

/** Files win over what follows, so register it first. What is no file falls through. */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { build } = ctx[INTERNALS];
    const { pathname, searchParams } = ctx.url;
    const isBelow = pathname.startsWith(`${ctx.config.basePath}/`);
    const path = isBelow ? decodeURIComponent(pathname.slice(ctx.config.basePath.length)) : "";
    const file = build.fileByPath.get(path);
    if (file === undefined) return path === "/favicon.ico" ? new Response(null, { status: 404 }) : await ctx.next();
    if (ctx.req.method !== "GET" && ctx.req.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const wanted = searchParams.get(BUILD_PARAM);
    if (wanted === null || wanted === build.id) return await answer(ctx.req, file, wanted !== null);
    // An old page asks for an old build's file: it gets today's, under a URL that is not kept.
    searchParams.delete(BUILD_PARAM);
    return new Response(null, { status: 307, headers: { location: pathname + ctx.url.search } });
  };
}

async function answer(req: Request, { path, hash, source }: BuildFile, namesBuild: boolean): Promise<Response> {
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1).toLowerCase()] ?? "application/octet-stream";
  const headers = new Headers({
    "content-type": type.startsWith("text/") ? `${type}; charset=utf-8` : type,
    "cache-control": namesBuild || path.startsWith(CHUNK_FOLDER) ? FOR_EVER : REVALIDATE,
    etag: `"${hash}"`,
    vary: "accept-encoding",
  });
  // Weak comparison: compression on the way makes our tag weak.
  const known = req.headers.get("if-none-match")?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  if (known.includes("*") || known.includes(`"${hash}"`)) return new Response(null, { status: 304, headers });
  if (typeof source !== "string") {
    headers.set("content-length", String(source.byteLength));
    return new Response(source, { headers });
  }
  const file = await Deno.open(source);
  headers.set("content-length", String((await file.stat()).size));
  return new Response(file.readable, { headers });
}
