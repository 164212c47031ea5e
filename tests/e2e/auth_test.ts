/** Sign-in, sessions, CSRF, names, roles, limits and the audit log, on the real program. */
import assert from "node:assert/strict";
import { BrowserSession, closeBrowserSessions } from "../support/browser_session.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, Greenroom, makeDataDir } from "../support/greenroom.ts";
import { isApiRoute, listRoutes, type Route, withSomeId } from "../support/route_list.ts";

const ADMIN_KEY = "admin-key-for-tests-0123456789";
const ROLES = ["viewer", "operator", "admin"] as const;
type Role = typeof ROLES[number];
/** What needs more than its method says: reading needs viewer, writing operator. */
const NEEDS: Record<string, Role> = {
  "GET /api/v1/audit": "admin",
  "GET /api/v1/checks": "operator",
  "GET /api/v1/keys": "admin",
  "GET /api/v1/settings": "admin",
  "POST /api/v1/keys": "admin",
  "DELETE /api/v1/keys/{id}": "admin",
  "POST /api/v1/instances/{id}/profile": "admin",
  "POST /api/v1/jobs/{id}/profile": "admin",
  "POST /settings": "admin",
  "POST /sign-out": "viewer",
};
/** Open to anyone; api_test.ts tries them. */
const OPEN = ["/api/v1/openapi.json", "/health", "/livekit/webhook", "/metrics", "/ready", "/sign-in"];

let greenroom: Greenroom;
let routes: Route[];
const keys = {} as Record<Role, string>;
Deno.test.beforeAll(async () => {
  routes = (await listRoutes()).filter(({ path }) => !OPEN.includes(path));
  greenroom = await Greenroom.start({ agents: ["echo"], env: { GREENROOM_API_KEY: ADMIN_KEY } });
  for (const role of ROLES) keys[role] = (await makeKey(role, role === "admin" ? "boss" : role)).key;
});
Deno.test.afterAll(async () => {
  closeBrowserSessions();
  await greenroom.stop();
});

function asAdmin(method: string, path: string, body?: unknown) {
  return greenroom.call(method, path, body, { authorization: `Bearer ${ADMIN_KEY}` });
}

async function makeKey(role: Role, name: string): Promise<{ key: string; id: string }> {
  const { status, body } = await asAdmin("POST", "/api/v1/keys", { name, role });
  assert.equal(status, 201);
  return body;
}

async function codeOf(response: Response): Promise<string> {
  const text = await response.text();
  return `${response.status} ${text.startsWith("{") ? JSON.parse(text).code : ""}`.trim();
}

function linkOf(text: string): string {
  return `/sign-in${new URL(text.trim()).search}`;
}

/** The newest rows of the audit log, newest first. */
async function auditRows(): Promise<Record<string, string>[]> {
  const { status, body } = await asAdmin("GET", "/api/v1/audit?limit=200");
  assert.equal(status, 200);
  return body.items;
}

const needOf = (method: string, path: string): Role =>
  NEEDS[`${method} ${path}`] ?? (method === "GET" ? "viewer" : "operator");

/** Its answer takes the browser's cookie away, whoever asks. */
function signOutLast<Route extends { path: string }>(all: readonly Route[]): Route[] {
  return all.toSorted((a, b) => Number(a.path === "/sign-out") - Number(b.path === "/sign-out"));
}

Deno.test("every route lets in the roles that it must, by key and by session, and refuses the others with 403", async () => {
  const wrong: string[] = [];
  for (const role of ROLES) {
    const browser = await BrowserSession.signIn(greenroom.url, keys[role]);
    for (const route of signOutLast(routes)) {
      for (const method of route.methods) {
        const isAllowed = ROLES.indexOf(role) >= ROLES.indexOf(needOf(method, route.path));
        for (const via of ["key", "session"]) {
          if (route.path === "/sign-out" && via === "session") continue; // below: it ends the session
          const path = withSomeId(route.path);
          const form = method === "GET" || isApiRoute(route) ? {} : { body: new URLSearchParams() };
          const headers = via === "session"
            ? browser.writeHeaders()
            : { cookie: "", authorization: `Bearer ${keys[role]}` };
          const response = await browser.fetch(path, { method, headers, ...form });
          await response.body?.cancel();
          const isRefused = response.status === 403;
          const isLost = response.status === 401 || response.headers.get("location")?.startsWith("/sign-in");
          if (isRefused === isAllowed || (isLost && route.path !== "/sign-out")) {
            wrong.push(`${role} by ${via}: ${method} ${path} ${response.status}`);
          }
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("the start without a terminal stores a link that signs in once, as admin, and names only its file", async () => {
  const line = await greenroom.logged("Open the dashboard by the link in");
  const path = /in (\S+);/.exec(line.message)?.[1] ?? "";
  // Tests above signed in by key, and so retired the first link.
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  assert.ok(!greenroom.lines.some((text) => text.includes("token=")));
});

Deno.test("a fresh data directory's link opens a session once; none is made once somebody has signed in", async () => {
  const dataDir = await makeDataDir();
  try {
    const env = { GREENROOM_API_KEY: ADMIN_KEY };
    const first = await Greenroom.start({ dataDir, agents: [], env });
    try {
      await first.logged("Open the dashboard by the link in");
      const file = `${dataDir}/sign-in-link`;
      assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
      const link = linkOf(await Deno.readTextFile(file));
      const ahead = new BrowserSession(first.url);
      for (const init of [{ method: "HEAD" }, { headers: { "sec-purpose": "prefetch" } }]) {
        await (await ahead.fetch(link, init)).body?.cancel();
      }
      const browser = new BrowserSession(first.url);
      const response = await browser.fetch(`${link}&next=/jobs`);
      assert.deepEqual([response.status, response.headers.get("location")], [303, "/jobs"]);
      assert.match(response.headers.get("set-cookie") ?? "", /; Path=\/; HttpOnly; SameSite=Lax; Max-Age=604800$/);
      assert.equal((await browser.fetch("/api/v1/jobs")).status, 200);
      const again = await ahead.fetch(link);
      assert.equal(again.status, 401);
      assert.match(await again.text(), /does not work any more/);
      assert.equal(ahead.cookie, null);
      await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
    } finally {
      await first.stop();
    }
    await using second = await Greenroom.start({ dataDir, agents: [], env });
    assert.equal((await second.get("/health")).status, "alive");
    assert.ok(!second.lines.some((text) => text.includes("Open the dashboard")));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a page without a session leads to sign-in and back; the form works without JavaScript", async () => {
  const browser = new BrowserSession(greenroom.url);
  const asked = await browser.fetch("/jobs?state=failed");
  assert.deepEqual([asked.status, asked.headers.get("location")], [303, "/sign-in?next=%2Fjobs%3Fstate%3Dfailed"]);
  const html = await (await browser.fetch(asked.headers.get("location")!)).text();
  assert.match(html, /<form[^>]* method="post" action="\/sign-in"/);
  assert.match(html, /name="next" value="\/jobs\?state=failed"/);
  const signedIn = await browser.form("/sign-in", { key: ` ${keys.viewer} `, next: "/jobs?state=failed" });
  assert.deepEqual([signedIn.status, signedIn.headers.get("location")], [303, "/jobs?state=failed"]);
  const away = await browser.form("/sign-in", { key: keys.viewer, next: "//evil.example" });
  assert.equal(away.headers.get("location"), "/");
  const secure = await browser.form("/sign-in", { key: keys.viewer }, { "x-forwarded-proto": "https" });
  assert.match(secure.headers.get("set-cookie") ?? "", /; Secure$/);
});

Deno.test("signing out ends the session on the server too, and signing in again ends the one before", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.viewer);
  const first = browser.cookie!;
  await browser.form("/sign-in", { key: keys.viewer });
  const withCookie = (cookie: string) => browser.fetch("/api/v1/jobs", { headers: { cookie } });
  const second = browser.cookie!;
  assert.notEqual(first, second);
  browser.cookie = null;
  assert.deepEqual([(await withCookie(first)).status, (await withCookie(second)).status], [401, 200]);
  browser.cookie = second;
  const out = await browser.form("/sign-out", { csrf: await browser.readToken() });
  assert.deepEqual([out.status, out.headers.get("location"), browser.cookie], [303, "/sign-in", null]);
  assert.equal((await withCookie(second)).status, 401);
});

Deno.test("a session's write needs its token and comes from our own pages; a key's write needs neither", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.operator);
  const other = await BrowserSession.signIn(greenroom.url, keys.operator);
  const path = "/api/v1/dispatches";
  const body = { agent: "nobody-knows-it", room: "r" };
  const write = async (headers: Record<string, string>) => codeOf(await browser.write("POST", path, body, headers));
  assert.equal(await write({}), "404 unknown_agent");
  assert.equal(await write({ "x-greenroom-csrf": "" }), "403 csrf_token");
  assert.equal(await write({ "x-greenroom-csrf": other.csrfToken ?? "" }), "403 csrf_token");
  assert.equal(await write({ origin: "http://evil.example" }), "403 foreign_origin");
  assert.equal(await write({ origin: "null" }), "403 foreign_origin");
  const plain = { method: "POST", body: JSON.stringify(body) };
  assert.equal(await codeOf(await browser.fetch(path, plain)), "403 csrf_token");
  assert.equal(await codeOf(await browser.fetch(path, { ...plain, method: "PUT" })), "403 csrf_token");
  assert.equal(await codeOf(await browser.form("/sign-out", { csrf: "wrong" })), "403 csrf_token");
  assert.equal(
    await codeOf(await browser.form("/sign-in", { key: "x" }, { origin: "http://evil.example" })),
    "403 foreign_origin",
  );
  const byKey = { authorization: `Bearer ${keys.operator}`, origin: "http://evil.example", cookie: "" };
  assert.equal(await codeOf(await browser.fetch(path, { ...plain, headers: byKey })), "404 unknown_agent");
  const wrongKey = { authorization: "Bearer wrong-key-0123456789" };
  assert.equal(await codeOf(await browser.fetch("/api/v1/jobs", { headers: wrongKey })), "401 unauthorized");
});

Deno.test("a name that is not ours is refused on loopback: pages, REST with a key, probes", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.admin);
  const as = (host: string, path: string, headers: Record<string, string> = {}) =>
    browser.fetch(path, { headers: { host, ...headers } }).then(codeOf);
  const byKey = { authorization: `Bearer ${keys.admin}` };
  for (const host of ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.0.2.1"]) {
    assert.equal(await as(host, "/api/v1/jobs"), "403 unknown_host", host);
    assert.equal(await as(host, "/api/v1/jobs", byKey), "403 unknown_host", host);
    assert.equal(await as(host, "/health"), "403 unknown_host", host);
    assert.equal(await as(host, "/sign-in"), "403 unknown_host", host);
  }
  assert.match(await as("localhost:8000", "/api/v1/jobs"), /^200/);
});

Deno.test("answers carry the security headers, files and error pages too, and only files may be kept", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.viewer);
  const paths = ["/sign-in", "/dispatch", "/health", "/api/v1/jobs", "/api/v1/nothing", "/nothing", "/app.css"];
  for (const path of paths) {
    const { headers, body } = await browser.fetch(path);
    await body?.cancel();
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /script-src 'self';/, path);
    assert.match(policy, /frame-ancestors 'none'/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "same-origin", path);
    if (path !== "/app.css") assert.equal(headers.get("cache-control"), "no-store", path);
  }
  const { url } = await greenroom.livekit();
  const policy = (await browser.fetch("/sign-in")).headers.get("content-security-policy") ?? "";
  assert.ok(policy.includes(`connect-src 'self' ${url} ${url.replace(/^ws/, "http")};`), policy);
});

Deno.test("/metrics is open to callers on this machine, and needs a key through a proxy that runs on it", async () => {
  const browser = new BrowserSession(greenroom.url);
  const status = async (headers: Record<string, string>) => {
    const response = await browser.fetch("/metrics", { headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status({}), 200);
  assert.equal(await status({ "x-forwarded-for": "192.0.2.1" }), 401);
  assert.equal(await status({ "x-forwarded-for": "192.0.2.1", authorization: `Bearer ${keys.viewer}` }), 200);
});

Deno.test("no page has an inline script or style element", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.admin);
  for (const route of routes.filter((each) => !isApiRoute(each) && each.methods.includes("GET"))) {
    const html = await (await browser.fetch(withSomeId(route.path))).text();
    const inline = [
      ...html.matchAll(/<script(?![^>]*\bsrc=)(?![^>]*type="application\/json")[^>]*>|<style|\son\w+="/g),
    ];
    assert.deepEqual(inline.map(([text]) => text), [], route.path);
  }
});

Deno.test("a revoked key and its sessions end at once; nobody else's do", async () => {
  const { key, id } = await makeKey("viewer", "soon-gone");
  const browser = await BrowserSession.signIn(greenroom.url, key);
  const byKey = () => greenroom.call("GET", "/api/v1/jobs", undefined, { authorization: `Bearer ${key}` });
  assert.deepEqual([(await byKey()).status, (await browser.fetch("/api/v1/jobs")).status], [200, 200]);
  const { status, body } = await asAdmin("DELETE", `/api/v1/keys/${id}`);
  assert.equal(status, 200);
  assert.ok(body.revokedAt);
  assert.deepEqual([(await byKey()).status, (await browser.fetch("/api/v1/jobs")).status], [401, 401]);
  assert.equal((await asAdmin("DELETE", `/api/v1/keys/${id}`)).body.revokedAt, body.revokedAt);
  assert.equal((await asAdmin("DELETE", "/api/v1/keys/nothing")).status, 404);
  assert.equal((await asAdmin("POST", "/api/v1/keys", { name: "soon-gone", role: "viewer" })).body.code, "name_taken");
  const listed = (await asAdmin("GET", "/api/v1/keys")).body.items;
  assert.ok(listed.some((each: { id: string }) => each.id === id));
  assert.ok(!JSON.stringify(listed).includes("digest"));
});

Deno.test("what was written or refused is in the audit log, with who, what and how it ended", async () => {
  const viewer = await BrowserSession.signIn(greenroom.url, keys.viewer);
  const operator = await BrowserSession.signIn(greenroom.url, keys.operator);
  const { id } = await (await operator.write("POST", "/api/v1/dispatches?wait=none", { agent: "echo", room: "audit" }))
    .json();
  await viewer.write("DELETE", `/api/v1/dispatches/${id}`);
  await greenroom.call("DELETE", `/api/v1/dispatches/${id}`, undefined, { authorization: `Bearer ${keys.operator}` });
  await operator.write("POST", "/api/v1/dispatches", { agent: "nobody-knows-it", room: "r" });
  await viewer.fetch("/api/v1/keys");
  const rows = (await auditRows()).map(({ actor, role, action, target, outcome }) =>
    [actor, role, action, target, outcome].join(" ")
  );
  // Of the same millisecond, any may come first.
  assert.deepEqual(
    rows.slice(0, 7).sort(),
    [
      "dashboard:viewer viewer key.list  refused",
      "dashboard:operator operator dispatch.create  failed",
      `rest:operator operator dispatch.cancel ${id} ok`,
      `dashboard:viewer viewer dispatch.cancel ${id} refused`,
      `dashboard:operator operator dispatch.create ${id} ok`,
      "dashboard:operator operator sign_in  ok",
      "dashboard:viewer viewer sign_in  ok",
    ].sort(),
  );
  assert.equal((await greenroom.get(`/api/v1/dispatches/${id}`)).status, 401, "the helper's own key is not this one's");
  const dispatch = (await asAdmin("GET", `/api/v1/dispatches/${id}`)).body;
  assert.equal(dispatch.origin, "dashboard");
});

Deno.test("different wrong keys from one address are held up with 429, right ones are not", async () => {
  const call = (key: string) => greenroom.call("GET", "/api/v1/jobs", undefined, { authorization: `Bearer ${key}` });
  // On a slow machine some more are let in meanwhile.
  let last: Answer | null = null;
  for (let i = 0; i < 20 && last?.status !== 429; i++) last = await call(`guessed-key-${i}`);
  assert.equal(last?.status, 429);
  assert.match(last?.headers.get("retry-after") ?? "", /^\d+$/);
  assert.equal(last?.body.code, "too_many_attempts");
  assert.equal((await call(keys.viewer)).status, 200);
});

Deno.test("sign-in answers 401 to wrong keys, then 429 with Retry-After, and lets in again after the wait", async () => {
  const browser = new BrowserSession(greenroom.url);
  const statuses: number[] = [];
  let retryAfter: string | null = null;
  while (statuses.length < 20 && retryAfter === null) {
    const response = await browser.form("/sign-in", { key: `wrong-${statuses.length}` });
    await response.body?.cancel();
    statuses.push(response.status);
    retryAfter = response.headers.get("retry-after");
  }
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.slice(0, -1).every((status) => status === 401));
  const seconds = Number(retryAfter);
  assert.ok(seconds >= 1 && seconds <= 6);
  const signIn = async () => {
    const response = await browser.form("/sign-in", { key: keys.viewer });
    await response.body?.cancel();
    return response.status === 303;
  };
  await eventually(signIn, { withinMs: 20_000, everyMs: 500, what: "signing in again" });
});

Deno.test("no key, cookie or token is in the log, the audit log or health", async () => {
  const browser = await BrowserSession.signIn(greenroom.url, keys.admin);
  const secrets = [ADMIN_KEY, ...Object.values(keys), browser.cookie!.split("=")[1]!, browser.csrfToken!];
  const texts = [
    greenroom.lines.join("\n"),
    JSON.stringify(await auditRows()),
    JSON.stringify(await greenroom.get("/health")),
  ];
  for (const text of texts) for (const secret of secrets) assert.ok(!text.includes(secret));
});
