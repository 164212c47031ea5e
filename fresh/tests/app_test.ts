import { deepEqual, equal, match, ok, rejects, strictEqual } from "node:assert/strict";
import { App, createDefine, HttpError, page } from "fresh";

interface State {
  trail: string[];
}

type Handle = ReturnType<App<State>["handler"]>;

const get = (handle: Handle, path: string, init?: RequestInit) => handle(new Request(`http://localhost${path}`, init));
const textOf = async (handle: Handle, path: string, init?: RequestInit) => await (await get(handle, path, init)).text();
const mark = (name: string) => async (ctx: { state: State; next(): Promise<Response> }) => {
  (ctx.state.trail ??= []).push(name);
  return await ctx.next();
};

Deno.test("App answers each method with its own handler and chains several functions", async () => {
  const app = new App<State>();
  for (const method of ["get", "post", "put", "patch", "delete"] as const) {
    app[method]("/x", mark("first"), (ctx) => ctx.text(`${method}:${ctx.state.trail}`));
  }
  const handle = app.handler();
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    equal(await textOf(handle, "/x", { method }), `${method.toLowerCase()}:first`);
  }
});

Deno.test("App treats a fixed path with and without one trailing slash as one route, and patterns strictly", async () => {
  const app = new App<State>().get("/x", (ctx) => ctx.text("x")).get(
    "/items/:id",
    (ctx) => ctx.text(ctx.params.id ?? ""),
  );
  const handle = app.handler();
  equal(await textOf(handle, "/x/"), "x");
  equal(await textOf(handle, "//x"), "x");
  equal(await textOf(handle, "/items/a"), "a");
  equal((await get(handle, "/items/a/")).status, 404);
});

Deno.test("App prefers fixed paths, then the first pattern that matches even if it lacks the method", async () => {
  const app = new App<State>()
    .get("/a/:rest*", (ctx) => ctx.text("rest"))
    .post("/a/:id", (ctx) => ctx.text("id"))
    .get("/a/fixed", (ctx) => ctx.text("fixed"))
    .get("/a/fixed", (ctx) => ctx.text("second registration"));
  const handle = app.handler();
  equal(await textOf(handle, "/a/fixed"), "fixed");
  equal(await textOf(handle, "/a/b"), "rest");
  equal((await get(handle, "/a/b", { method: "POST" })).status, 405);
});

Deno.test("App supports the pattern forms of URLPattern and decodes params like decodeURI", async () => {
  const app = new App<State>()
    .get("/n/:n(\\d+)", (ctx) => ctx.json(ctx.params))
    .get("/r/:path*", (ctx) => ctx.json(ctx.params))
    .get("/s/*", (ctx) => ctx.text(`star ${ctx.route}`));
  const handle = app.handler();
  deepEqual(JSON.parse(await textOf(handle, "/n/42")), { n: "42" });
  equal((await get(handle, "/n/x")).status, 404);
  deepEqual(JSON.parse(await textOf(handle, "/r")), { path: "" });
  deepEqual(JSON.parse(await textOf(handle, "/r/a%20b%2Fc/d")), { path: "a b%2Fc/d" });
  equal(await textOf(handle, "/s/any/thing"), "star /s/*");
  equal((await get(handle, "/r/%E0%A4%A")).status, 400);
});

Deno.test("App answers HEAD from GET without a body, 405 to other methods, and OPTIONS with what is allowed", async () => {
  const handle = new App<State>().get("/x", (ctx) => ctx.text("body", { headers: { "x-y": "z" } })).handler();
  const head = await get(handle, "/x", { method: "HEAD" });
  equal(head.headers.get("x-y"), "z");
  equal(head.body, null);
  equal((await get(handle, "/x", { method: "PUT" })).status, 405);
  const options = await get(handle, "/x", { method: "OPTIONS" });
  equal(options.status, 204);
  equal(options.headers.get("allow"), "GET");
});

Deno.test("App runs middlewares by depth, then in the order of registration, and only earlier ones", async () => {
  const app = new App<State>()
    .get("/early", mark("route"), (ctx) => ctx.text(ctx.state.trail.join()))
    .use("/foo", mark("foo"))
    .use(mark("root"), mark("root2"))
    .get("/foo/bar", (ctx) => ctx.text(ctx.state.trail.join()))
    .get("/foo", (ctx) => ctx.text(ctx.state.trail.join()))
    .use(mark("late"));
  const handle = app.handler();
  equal(await textOf(handle, "/early"), "route");
  equal(await textOf(handle, "/foo/bar"), "root,root2,foo");
  equal(await textOf(handle, "/foo"), "root,root2,foo");
});

Deno.test("App runs the root level only for unknown URLs and wrong methods", async () => {
  const app = new App<State>()
    .use("/foo", mark("foo"))
    .get("/foo/x", (ctx) => ctx.text("x"))
    .onError("/foo", (ctx) => ctx.text("foo's page"))
    .onError("*", (ctx) => ctx.text(`${(ctx.error as HttpError).status} ${ctx.state.trail} ${ctx.route}`))
    .use(mark("root"));
  const handle = app.handler();
  equal(await textOf(handle, "/foo/none"), "404 root null");
  equal(await textOf(handle, "/foo/x", { method: "PUT" }), "405 root null");
});

Deno.test("App lets an error page stand outside the middlewares of its own level", async () => {
  const seen: string[] = [];
  const after = (name: string) => async (ctx: { next(): Promise<Response> }) => {
    try {
      const response = await ctx.next();
      seen.push(`${name} after`);
      return response;
    } finally {
      seen.push(`${name} finally`);
    }
  };
  const app = new App<State>().use(after("root")).onError("/a", (ctx) => ctx.text("taken", { status: 418 }))
    .use("/a", after("a")).get("/a/x", () => {
      throw new Error("boom");
    });
  const response = await get(app.handler(), "/a/x");
  equal(response.status, 418);
  deepEqual(seen, ["a finally", "root after", "root finally"]);
});

Deno.test("App answers errors that no page took as plain text, with the HttpError's status or 500", async () => {
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (...values) => printed.push(...values);
  try {
    const boom = new Error("secret");
    const app = new App<State>()
      .get("/http", () => {
        throw new HttpError(409, "busy", { cause: 1 });
      })
      .get("/boom", () => {
        throw boom;
      })
      .get("/nothing", (() => undefined) as never);
    const handle = app.handler();
    const http = await get(handle, "/http");
    deepEqual([http.status, await http.text()], [409, "busy"]);
    const other = await get(handle, "/boom");
    deepEqual([other.status, await other.text()], [500, "Internal server error"]);
    equal(printed[0], boom);
    equal((await get(handle, "/nothing")).status, 500);
    equal(await textOf(handle, "/unknown"), "Not Found");
  } finally {
    console.error = original;
  }
});

Deno.test("App.notFound takes 404s before the error page", async () => {
  const app = new App<State>()
    .onError("*", (ctx) => ctx.text("error page"))
    .notFound((ctx) => ctx.text("nobody here", { status: 404 }))
    .get("/gone", () => {
      throw new HttpError(410);
    });
  const handle = app.handler();
  equal(await textOf(handle, "/unknown"), "nobody here");
  equal(await textOf(handle, "/gone"), "error page");
});

Deno.test("App.mountApp keeps the other app's middlewares inside and its app wrapper at the root", async () => {
  const inner = new App<State>().use(mark("inner")).get("/x", (ctx) => ctx.text(ctx.state.trail.join()))
    .notFound((ctx) => ctx.text("inner's 404", { status: 404 }));
  const app = new App<State>().use(mark("outer")).mountApp("/sub", inner)
    .get("/y", (ctx) => ctx.text(ctx.state.trail.join()));
  const handle = app.handler();
  equal(await textOf(handle, "/sub/x"), "outer,inner");
  equal(await textOf(handle, "/y"), "outer");
  equal(await textOf(handle, "/sub/none"), "inner's 404");
});

Deno.test("App.basePath prefixes routes, and links stay as they are", async () => {
  const handle = new App<State>({ basePath: "/ui/" })
    .get("/", (ctx) => ctx.text(`${ctx.config.basePath} ${ctx.route}`))
    .get("/go", (ctx) => ctx.redirect("/x")).handler();
  equal(await textOf(handle, "/ui"), "/ui /ui");
  equal((await get(handle, "/ui/go")).headers.get("location"), "/x");
  equal((await get(handle, "/go")).status, 404);
});

Deno.test("Context answers text, html, json and redirects that stay on this host", async () => {
  const app = new App<State>()
    .get("/text", (ctx) => ctx.text("t", { status: 201 }))
    .get("/html", (ctx) => ctx.html("<p>"))
    .get("/json", (ctx) => ctx.json({ a: 1 }, { headers: { "x-a": "1" } }))
    .get("/go", (ctx) => ctx.redirect(ctx.url.searchParams.get("to") ?? "", 303));
  const handle = app.handler();
  const types = await Promise.all(["/text", "/html", "/json"].map(async (path) => {
    const response = await get(handle, path);
    await response.body?.cancel();
    return [response.status, response.headers.get("content-type")];
  }));
  deepEqual(types, [[201, "text/plain;charset=UTF-8"], [200, "text/html; charset=utf-8"], [200, "application/json"]]);
  const target = async (to: string, extra = "") => {
    const response = await get(handle, `/go?to=${encodeURIComponent(to)}${extra}`);
    equal(response.status, 303);
    return response.headers.get("location");
  };
  equal(await target("//evil.com/x//y?a=//b#c"), "/evil.com/x/y?a=//b#c");
  equal(await target("/\\evil.com"), "/evil.com");
  equal(await target("/\t/evil.com"), "/evil.com");
  equal(await target("https://ok.com//x"), "https://ok.com//x");
  equal(await target("/x?a=1#h", "&fresh-partial=true"), "/x?a=1&fresh-partial=true#h");
});

Deno.test("Context.stream sends strings and bytes as they come and ends the iteration when the reader leaves", async () => {
  let ended = false;
  const app = new App<State>().get("/s", (ctx) =>
    ctx.stream(async function* () {
      try {
        yield "a";
        yield new TextEncoder().encode("b");
        await Promise.resolve();
        yield "c";
        yield "d";
      } finally {
        ended = true;
      }
    }, { headers: { "content-type": "text/event-stream" } }))
    .get("/list", (ctx) => ctx.stream(["x", "y"]));
  const handle = app.handler();
  const response = await get(handle, "/s");
  equal(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body?.getReader();
  equal(new TextDecoder().decode((await reader?.read())?.value), "a");
  await reader?.cancel();
  strictEqual(ended, true);
  equal(await textOf(handle, "/list"), "xy");
});

Deno.test("Context has the request's facts, one shared state, and proxy headers only when trusted", async () => {
  const facts = new App<State>({ trustProxy: true, mode: "development" }).use(mark("m")).get(
    "/p/:id",
    (ctx) =>
      ctx.json({
        url: ctx.url.href,
        route: ctx.route,
        params: ctx.params,
        state: ctx.state,
        config: ctx.config,
        error: ctx.error,
        isPartial: ctx.isPartial,
        remote: (ctx.info.remoteAddr as Deno.NetAddr).hostname,
      }),
  ).handler();
  const headers = { "x-forwarded-proto": "https, http", "x-forwarded-host": "example.org, x" };
  deepEqual(JSON.parse(await textOf(facts, "/p/7?fresh-partial", { headers })), {
    url: "https://example.org/p/7?fresh-partial",
    route: "/p/:id",
    params: { id: "7" },
    state: { trail: ["m"] },
    config: { root: "", basePath: "", mode: "development", trustProxy: true },
    error: null,
    isPartial: true,
    remote: "localhost",
  });
  const wary = new App<State>().get("/", (ctx) => ctx.text(ctx.url.host)).handler();
  equal(await textOf(wary, "/", { headers }), "localhost");
});

Deno.test("Context.next rejects with what an inner handler throws, and may be called again", async () => {
  let tries = 0;
  const app = new App<State>().use(async (ctx) => {
    await rejects(ctx.next(), /first/);
    return await ctx.next();
  }).get("/", (ctx) => {
    tries++;
    if (tries === 1) throw new Error("first");
    return ctx.text("second");
  });
  equal(await textOf(app.handler(), "/"), "second");
});

Deno.test("App.ws upgrades, hands events on, and refuses plain requests with 400", async () => {
  const closed = Promise.withResolvers<[number, string]>();
  const app = new App<State>().ws("/ws", {
    open: (socket) => socket.send("hello"),
    message: (socket, event) => socket.send(`echo ${event.data}`),
    close: (_socket, code, reason) => closed.resolve([code, reason]),
  }, { idleTimeout: 5 });
  equal((await get(app.handler(), "/ws")).status, 400);
  const server = app.listen({ port: 0, hostname: "127.0.0.1", onListen: () => {} });
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}/ws`);
  const messages: string[] = [];
  const answered = Promise.withResolvers<void>();
  socket.onmessage = (event) => {
    messages.push(event.data);
    if (messages.length === 1) socket.send("1");
    else answered.resolve();
  };
  await answered.promise;
  deepEqual(messages, ["hello", "echo 1"]);
  socket.close(4000, "bye");
  deepEqual(await closed.promise, [4000, "bye"]);
  await server.shutdown();
});

Deno.test("App.listen takes the first free port of its range when none is given", async () => {
  const app = new App<State>().get("/", (ctx) => ctx.text("up"));
  const first = app.listen({ hostname: "127.0.0.1", onListen: () => {} });
  const second = app.listen({ hostname: "127.0.0.1", onListen: () => {} });
  ok(first.addr.port >= 8000 && second.addr.port > first.addr.port && second.addr.port <= 8019);
  equal(await (await fetch(`http://127.0.0.1:${second.addr.port}/`)).text(), "up");
  await Promise.all([first.shutdown(), second.shutdown()]);
});

Deno.test("App.route renders page data with status and headers, and any method without a handler object", async () => {
  const define = createDefine<State>();
  const handler = define.handlers({
    GET: () => page({ title: "A" }, { status: 201, headers: { "x-t": "1" } }),
    POST: () => ({ data: { title: "B" } }),
    PUT: (ctx) => ctx.text("raw"),
  });
  const component = define.page<typeof handler>(({ data, route }) => `${data.title} ${route}`);
  const app = new App<State>().route("/t", { handler, component })
    .route("/c", { component: define.page((props) => JSON.stringify(props.data)) })
    .route("/only-post", { handler: { POST: (ctx) => ctx.text("p") }, component: define.page(() => "page") });
  const handle = app.handler();
  const response = await get(handle, "/t");
  deepEqual([response.status, response.headers.get("x-t")], [201, "1"]);
  match(await response.text(), /A \/t/);
  match(await textOf(handle, "/t", { method: "POST" }), /B/);
  equal(await textOf(handle, "/t", { method: "PUT" }), "raw");
  ok((await get(handle, "/t", { method: "DELETE" })).status >= 400);
  match(await textOf(handle, "/c", { method: "POST" }), /\{}/);
  match(await textOf(handle, "/only-post"), /page/);
});
