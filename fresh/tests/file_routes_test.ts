import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import { Builder } from "fresh/dev";
import { filePattern } from "../src/file_routes.ts";
import { App, staticFiles } from "fresh";
import { setBuild } from "fresh/internal";
import { EMPTY_BUILD } from "../src/build.ts";
import type { State } from "./app/define.ts";
import { app } from "./app/main.ts";

const applyBuild = await new Builder({ root: new URL("./app/", import.meta.url).href }).build({ snapshot: "memory" });
applyBuild(app);
const handle = app.handler();

const get = (path: string, init?: RequestInit) => handle(new Request(`http://localhost${path}`, init));
const textOf = async (path: string, init?: RequestInit) => await (await get(path, init)).text();

Deno.test("filePattern turns a file's path into a URL pattern", () => {
  const rows: [string[], string, string][] = [
    [[], "index", "/"],
    [["items"], "index", "/items"],
    [[], "items", "/items"],
    [["items"], "[id]", "/items/:id"],
    [["items", "[id]"], "edit", "/items/:id/edit"],
    [["files"], "[...path]", "/files/:path*"],
    [["(group)"], "x", "/x"],
    [["api", "v1"], "openapi.json", "/api/v1/openapi.json"],
  ];
  for (const [directory, name, pattern] of rows) equal(filePattern(directory, name), pattern);
});

Deno.test("File routes answer pages, API handlers by method, and functions for all methods", async () => {
  const home = await get("/");
  equal(home.headers.get("content-type"), "text/html; charset=utf-8");
  match(
    await home.text(),
    /^<!DOCTYPE html><html lang="en">.*<main><p>home \/ main,root1,root2<\/p><\/main><\/body><\/html>$/s,
  );
  deepEqual(JSON.parse(await textOf("/api/v1/things")), { things: [], trail: ["main", "root1", "root2"] });
  const made = await get("/api/v1/things", { method: "POST", body: '{"a":1}' });
  deepEqual([made.status, await made.json()], [201, { a: 1 }]);
  ok((await get("/api/v1/things", { method: "DELETE" })).status >= 400);
  equal(await textOf("/api/v1/any", { method: "PATCH" }), "PATCH");
});

Deno.test("File routes prefer plain names before params before rests", async () => {
  match(await textOf("/items/new"), /new item/);
  match(await textOf("/items/7"), /item 7/);
  match(await textOf("/items/7/edit"), /edit 7/);
  match(await textOf("/files/a/b%20c"), /file \[a\/b c]/);
  match(await textOf("/files"), /file \[]/);
  equal((await get("/files/")).status, 404);
});

Deno.test("A directory's layout and middleware apply to what lies in it, not to the file of its name", async () => {
  const inside = await textOf("/items/7");
  match(inside, /<section data-layout="items">/);
  match(inside, /item 7 via main,root1,root2,items/);
  doesNotMatch(await textOf("/items"), /data-layout/);
  match(await textOf("/deep/inner"), /data-layout="deep"><div data-layout="inner"><p>deep page/);
});

Deno.test("Groups share layouts without showing in the URL, and helper directories and tests are no routes", async () => {
  match(await textOf("/grouped"), /<main><div data-layout="group"><p>grouped/);
  for (const path of ["/helper", "/_shared/helper", "/items/page.test/x"]) equal((await get(path)).status, 404);
});

Deno.test("config drops the app wrapper and outer layouts, of a page and of a layout, and overrides the pattern", async () => {
  equal(
    await textOf("/items/new"),
    '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body><p>new item</p></body></html>',
  );
  match(await textOf("/renamed/12"), /<body><div data-layout="solo"><img alt="12"/);
  equal((await get("/solo/page")).status, 404);
});

Deno.test("Error pages take what is thrown at or below their directory, with status, handler and layouts", async () => {
  const missing = await get("/items/missing");
  equal(missing.status, 422);
  match(await missing.text(), /<section data-layout="items">.*items error: no such item, from the handler/s);
  const plain = await get("/items/broken?plain");
  deepEqual([plain.status, await plain.text()], [400, "plain error"]);
});

Deno.test("Unknown URLs get the root's error page in the root layout, wherever they lie", async () => {
  const response = await get("/items/a/b/c");
  equal(response.status, 404);
  const html = await response.text();
  match(html, /<main><h1>root error: 404 Not Found at \/items\/a\/b\/c<\/h1><\/main>/);
  doesNotMatch(html, /data-layout/);
  equal(response.headers.get("x-root"), null, "the error page lies outside its level's middlewares");
  equal((await get("/items")).headers.get("x-root"), "after");
});

Deno.test("Routes registered before fsRoutes get nothing of the files, those after it do", async () => {
  const original = console.error;
  console.error = () => {};
  try {
    equal(await textOf("/before"), "Internal server error");
  } finally {
    console.error = original;
  }
  equal(await textOf("/after"), "main,root1,root2");
});

Deno.test("An async page may answer a Response", async () => {
  equal((await get("/files/go")).headers.get("location"), "/x");
});

Deno.test("Head elements move to the head and replace the same title, meta and keyed link", async () => {
  const html = await textOf("/items/7");
  const head = /<head>(.*)<\/head>/s.exec(html)?.[1] ?? "";
  match(head, /<title>item 7<\/title>/);
  match(head, /<meta name="description" content="of the item"\/>/);
  match(head, /<link[^>]*href="\/item\.css"/);
  match(head, /<meta name="robots" content="none"\/>/);
  match(head, /<meta charset="utf-8"\/>/);
  match(head, /href="\/first".*href="\/second"/, "the app's own elements leave each other alone");
  doesNotMatch(head, /fixture|of the app|\/styles\.css/);
});

Deno.test("Links say whether they name the current page or one above it", async () => {
  const html = await textOf("/items/a");
  match(html, /<a href="\/items\/a" aria-current="page" data-current="true">/);
  match(html, /<a href="\/items" aria-current="true" data-ancestor="true">/);
  match(html, /<a href="\/items\/a\?x=1" aria-current="true" data-ancestor="true">/);
  match(html, /<a href="\/elsewhere">/);
});

Deno.test("A page without islands, partials or client navigation loads no script", async () => {
  const response = await get("/items/7");
  equal(response.headers.get("link"), null);
  doesNotMatch(await response.text(), /<script/);
});

Deno.test("Static files carry an ETag and are revalidated, or kept for ever under the build id", async () => {
  const plain = await get("/styles.css");
  equal(plain.headers.get("content-type"), "text/css; charset=utf-8");
  match(plain.headers.get("cache-control") ?? "", /no-cache.*must-revalidate/);
  equal(await plain.text(), "body {\n  margin: 0;\n}\n");
  const etag = plain.headers.get("etag") ?? "";
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    equal((await get("/styles.css", { headers: { "if-none-match": tag } })).status, 304);
  }
  await (await get("/styles.css", { headers: { "if-none-match": '"x"' } })).body?.cancel();
  const src = /src="([^"]+)"/.exec(await textOf("/renamed/1"))?.[1] ?? "";
  match(src, /^\/img\/dot\.svg\?\w+=\w+#top$/);
  const kept = await get(src);
  equal(kept.headers.get("cache-control"), "public, max-age=31536000, immutable");
  await kept.body?.cancel();
  const old = await get(src.replace(/=\w+/, "=old"));
  deepEqual([old.status, old.headers.get("location")], [307, "/img/dot.svg"]);
});

Deno.test("Static files answer HEAD without a body, refuse other methods, and fall through when missing", async () => {
  const head = await get("/styles.css", { method: "HEAD" });
  deepEqual([head.status, head.headers.get("content-length"), head.body], [200, "22", null]);
  equal((await get("/styles.css", { method: "POST" })).status, 405);
  equal(await textOf("/with%20space.txt"), "plain words\n");
  const icon = await get("/favicon.ico");
  deepEqual([icon.status, await icon.text()], [404, ""]);
  match(await textOf("/none.css"), /root error: 404/);
  equal((await get("/%2e%2e/main.ts")).status, 404);
  notEqual((await get("/..%2fmain.ts")).status, 200);
});

Deno.test("A route file that exports nothing of use stops the app at start", () => {
  const broken = new App().fsRoutes();
  setBuild(broken, { ...EMPTY_BUILD, routes: [{ path: "x.ts", module: { other: 1 } }] });
  let message = "";
  try {
    broken.handler();
  } catch (error) {
    message = (error as Error).message;
  }
  match(message, /routes\/x\.ts.*neither a handler/);
});

Deno.test("basePath prefixes file routes, static files and browser modules", async () => {
  const based = new App<State>({ basePath: "/ui" }).use(staticFiles()).use((ctx) => {
    ctx.state.trail = [];
    return ctx.next();
  }).fsRoutes();
  applyBuild(based);
  const handleBased = based.handler();
  const status = async (path: string) => {
    const response = await handleBased(new Request(`http://localhost${path}`));
    await response.body?.cancel();
    return response.status;
  };
  deepEqual(await Promise.all(["/ui/items/7", "/ui/styles.css", "/styles.css"].map(status)), [200, 200, 404]);
  const page = await handleBased(new Request("http://localhost/ui/islands/slots"));
  const scripts = [...(page.headers.get("link") ?? "").matchAll(/<([^>]+)>/g)].map(([, src = ""]) => src);
  ok(scripts.length > 0 && scripts.every((src) => src.startsWith("/ui/_fresh/js/")));
  deepEqual(new Set(await Promise.all(scripts.map(status))), new Set([200]));
  match(await page.text(), /<script type="module" src="\/ui\/_fresh\/js\/client-/);
});
