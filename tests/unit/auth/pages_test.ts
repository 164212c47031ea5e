/** What concerns browsers: where sign-in leads, the cookie, the headers. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { safeNextPath } from "../../../core/auth/next_path.ts";
import { contentSecurityPolicy, withSecurityHeaders } from "../../../core/auth/security_headers.ts";
import {
  expiredSessionCookie,
  isHttpsRequest,
  readSessionCookie,
  sessionCookie,
} from "../../../core/auth/session_cookie.ts";
import { makeSecret } from "../../../core/auth/secrets.ts";

Deno.test("safeNextPath keeps paths of ours, and leads home from everything else", () => {
  assert.equal(safeNextPath("/jobs?state=failed&x=%2F#log"), "/jobs?state=failed&x=%2F#log");
  assert.equal(safeNextPath("/jobs?fresh-partial=true"), "/jobs");
  const elsewhere = ["//evil.example", "/\\evil.example", "/.//evil.example", "/..//evil.example", "/\t/evil.example"];
  elsewhere.push(
    "https://evil.example",
    "javascript:alert(1)",
    "jobs",
    "",
    "/sign-in",
    "/sign-in/x",
    "/sign-out",
    "/api/v1",
  );
  elsewhere.push(`/${"x".repeat(3_000)}`);
  for (const next of [...elsewhere, null]) assert.equal(safeNextPath(next), "/", String(next));
});

Deno.test("safeNextPath never leads to another origin, whatever it is given", () => {
  const pieces = fc.constantFrom(
    "/",
    "\\",
    ".",
    "..",
    "evil.example",
    "@",
    ":",
    "?",
    "#",
    "\t",
    "\n",
    " ",
    "%2f",
    "http:",
  );
  fc.assert(fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
    const next = safeNextPath(parts.join(""));
    assert.equal(new URL(next, "http://ours.example").origin, "http://ours.example");
    assert.equal(next[0], "/");
  }));
});

Deno.test("the session cookie is httpOnly, SameSite=Lax, for the whole site, and Secure over https", () => {
  const secret = makeSecret();
  const plain = sessionCookie(secret, { maxAgeMs: 3_600_000, isHttps: false });
  assert.equal(plain, `greenroom_session=${secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600`);
  assert.match(sessionCookie(secret, { maxAgeMs: 1_000, isHttps: true }), /; Secure$/);
  assert.match(expiredSessionCookie(false), /^greenroom_session=; .*Max-Age=0$/);
});

Deno.test("readSessionCookie finds ours among others, and only what could be ours", () => {
  const secret = makeSecret();
  const read = (cookie?: string) => readSessionCookie(new Headers(cookie === undefined ? {} : { cookie }));
  assert.equal(read(`a=b; greenroom_session=${secret}; c=d`), secret);
  const none = [undefined, "", "a=b", "greenroom_session=", "greenroom_session=short", `xgreenroom_session=${secret}`];
  for (const cookie of [...none, `greenroom_session=${secret}x`]) assert.equal(read(cookie), null, cookie);
});

Deno.test("isHttpsRequest knows https by the URL and by a proxy's header", () => {
  const https = (url: string, proto?: string) =>
    isHttpsRequest(new Request(url, { headers: proto === undefined ? {} : { "x-forwarded-proto": proto } }));
  assert.deepEqual(
    [https("https://a/"), https("http://a/", "https"), https("http://a/", "HTTPS, http"), https("http://a/", "http")],
    [true, true, true, false],
  );
});

Deno.test("the policy allows scripts of our origin only, and LiveKit's address for calls", () => {
  const policy = contentSecurityPolicy("wss://livekit.example.com:7880/path");
  const directives = new Map(policy.split("; ").map((line) => [line.split(" ")[0], line]));
  assert.equal(directives.get("script-src"), "script-src 'self'");
  assert.equal(directives.get("style-src"), "style-src 'self'");
  assert.equal(directives.get("frame-ancestors"), "frame-ancestors 'none'");
  assert.equal(
    directives.get("connect-src"),
    "connect-src 'self' wss://livekit.example.com:7880 https://livekit.example.com:7880",
  );
  assert.match(contentSecurityPolicy(null), /connect-src 'self';/);
});

Deno.test("withSecurityHeaders sets what is missing, on answers whose headers are fixed too", () => {
  const own = withSecurityHeaders(new Response("", { headers: { "cache-control": "max-age=1" } }), null, [
    ["cache-control", "no-store"],
  ]);
  assert.equal(own.headers.get("cache-control"), "max-age=1");
  assert.equal(own.headers.get("x-content-type-options"), "nosniff");
  const fixed = withSecurityHeaders(Response.redirect("http://a/", 303), null);
  assert.deepEqual([fixed.status, fixed.headers.get("location")], [303, "http://a/"]);
  assert.equal(fixed.headers.get("x-frame-options"), "DENY");
});
