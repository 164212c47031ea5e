/** Who may ask: every route is tried without a key, as found in routes/, so that a new one can't be forgotten. */
import assert from "node:assert/strict";
import { AccessToken } from "livekit-server-sdk";
import { Greenroom } from "../support/greenroom.ts";
import { isApiRoute, listRoutes, METHODS, type Route, withSomeId } from "../support/route_list.ts";

/** architecture.md 3 names these. */
const OPEN = ["/api/v1/openapi.json", "/health", "/livekit/webhook", "/metrics", "/ready", "/sign-in"];

let greenroom: Greenroom;
let routes: Route[];
Deno.test.beforeAll(async () => {
  routes = await listRoutes();
  greenroom = await Greenroom.start({ agents: [] });
});
Deno.test.afterAll(() => greenroom.stop());

async function statusOf(path: string, init: RequestInit): Promise<number> {
  const response = await fetch(greenroom.url + withSomeId(path), { redirect: "manual", ...init });
  await response.body?.cancel();
  return response.status;
}

Deno.test("every route answers 401 (a page: to sign-in) without a key or with a wrong one, whatever the method, unless it is open", async () => {
  assert.ok(routes.length >= 15);
  const withoutKey = [{}, { authorization: "Bearer wrong-key-0123456789" }, { authorization: "Basic dGVzdDp0ZXN0" }];
  const answered: string[] = [];
  for (const route of routes.filter(({ path }) => !OPEN.includes(path))) {
    const { path } = route;
    for (const headers of withoutKey) {
      for (const method of METHODS) {
        const status = await statusOf(path, { method, headers: { ...headers } });
        const isSentToSignIn = !isApiRoute(route) && !("authorization" in headers);
        if (status !== (isSentToSignIn ? 303 : 401)) {
          answered.push(`${method} ${path} ${JSON.stringify(headers)}: ${status}`);
        }
      }
    }
  }
  assert.deepEqual(answered, []);
});

Deno.test("the open routes answer without a key", async () => {
  for (const path of OPEN.filter((path) => path !== "/livekit/webhook")) {
    assert.equal(await statusOf(path, {}), 200, path);
  }
});

Deno.test("a path that does not exist answers 401 without a key, 404 as problem details with one", async () => {
  assert.equal(await statusOf("/api/v1/nothing", {}), 401);
  const { status, body } = await greenroom.call("GET", "/api/v1/nothing");
  assert.deepEqual([status, body.code], [404, "no_such_route"]);
});

Deno.test("a refusal without a key is a problem that says what to send", async () => {
  const { status, headers, body } = await greenroom.call("GET", "/api/v1/jobs", undefined, { authorization: "" });
  assert.equal(status, 401);
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.match(headers.get("www-authenticate") ?? "", /^Bearer/);
  assert.equal(body.code, "unauthorized");
  assert.match(body.remedy, /Authorization: Bearer/);
});

Deno.test("LiveKit's webhook answers 204 to a good signature, 401 to a bad one, none, or another body's", async () => {
  const { apiKey, apiSecret } = await greenroom.livekit();
  const body = JSON.stringify({ event: "room_started", room: { name: "r" }, id: "EV_1", createdAt: "1" });
  const good = await signature(apiKey, apiSecret, body);
  const answers = [
    [body, good],
    [body, await signature(apiKey, "another-secret-0123456789abcdef0123", body)],
    [body.replace("room_started", "room_finished"), good],
    [body, null],
  ] as const;
  const statuses = [];
  for (const [text, authorization] of answers) {
    const headers = authorization === null ? {} : { authorization };
    statuses.push(await statusOf("/livekit/webhook", { method: "POST", body: text, headers }));
  }
  assert.deepEqual(statuses, [204, 401, 401, 401]);
});

/** As LiveKit signs: a token with the body's SHA-256. */
async function signature(apiKey: string, apiSecret: string, body: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)));
  const token = new AccessToken(apiKey, apiSecret);
  token.sha256 = btoa(String.fromCharCode(...hash));
  return await token.toJwt();
}

Deno.test("openapi.json is a complete OpenAPI 3.1 document: references resolve, path parameters are declared", async () => {
  const document = await greenroom.get("/api/v1/openapi.json");
  assert.match(document.openapi, /^3\.1\.\d+$/);
  for (const member of [document.info.title, document.info.version]) assert.ok(member.length > 0);
  for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let target = document;
    for (const part of reference?.split("/") ?? []) target = target?.[part];
    assert.ok(target, reference);
  }
  for (const [path, item] of Object.entries<Record<string, Operation>>(document.paths)) {
    assert.match(path, /^\//);
    for (const [method, operation] of Object.entries(item)) {
      assert.ok(METHODS.includes(method.toUpperCase()), `${method} ${path}`);
      assert.ok(Object.keys(operation.responses).some((status) => /^2\d\d$/.test(status)), `${method} ${path}`);
      for (const response of Object.values(operation.responses)) assert.ok(response.description);
      const declared = (operation.parameters ?? []).filter((each) => each.in === "path").map(({ name }) => name);
      assert.deepEqual(declared, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name), `${method} ${path}`);
    }
  }
});

interface Operation {
  responses: Record<string, { description: string }>;
  parameters?: { in: string; name: string }[];
}

Deno.test("openapi.json lists every route of api/v1 with every method that it handles", async () => {
  const { paths } = await greenroom.get("/api/v1/openapi.json");
  const served = routes.filter(({ path }) => path.startsWith("/api/v1/") && path !== "/api/v1/openapi.json");
  const listed = Object.entries<Record<string, unknown>>(paths).filter(([path]) => path.startsWith("/api/v1/"));
  assert.deepEqual(
    listed.map(([path, item]) => [path, Object.keys(item).map((name) => name.toUpperCase()).sort()]).sort(),
    served.map(({ path, methods }) => [path, methods.sort()]).sort(),
  );
});
