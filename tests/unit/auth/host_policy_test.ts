import assert from "node:assert/strict";
import { hostNameOf, HostPolicy, isLoopbackAddress } from "../../../core/auth/host_policy.ts";
import { isFromOwnPages } from "../../../core/auth/origin_check.ts";

const LOCAL = new HostPolicy({ host: "127.0.0.1", allowedHosts: null });
const LISTED = new HostPolicy({ host: "0.0.0.0", allowedHosts: ["voice.example.com"] });
const UNLISTED = new HostPolicy({ host: "0.0.0.0", allowedHosts: null });
const FOREIGN = [
  "evil.example",
  "evil.example:8000",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "localhostx",
  "a@127.0.0.1",
  "127.0.0.1/x",
  "",
  null,
];

Deno.test("HostPolicy on loopback answers to loopback names and listed ones only, whatever the request carries", () => {
  const own = ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "localhost.", "[::1]:8000", "127.1.2.3"];
  for (const host of own) assert.ok(LOCAL.allows(host, false), host);
  for (const host of [...FOREIGN, "192.0.2.1", "[2001:db8::1]"]) {
    for (const needsNoName of [false, true]) assert.ok(!LOCAL.allows(host, needsNoName), String(host));
  }
  const withName = new HostPolicy({ host: "localhost", allowedHosts: ["voice.example.com"] });
  assert.ok(withName.allows("Voice.Example.com:443", false));
  assert.ok(!withName.allows("evil.example", true));
});

Deno.test("HostPolicy elsewhere answers to addresses and listed names", () => {
  for (
    const host of ["192.0.2.1:8000", "[2001:db8::1]:8000", "localhost", "voice.example.com", "voice.example.com:443"]
  ) {
    assert.ok(LISTED.allows(host, false), host);
  }
  for (const host of FOREIGN) for (const bare of [false, true]) assert.ok(!LISTED.allows(host, bare), String(host));
});

Deno.test("HostPolicy elsewhere without a list answers any name only to requests that need none", () => {
  assert.ok(UNLISTED.allows("greenroom.internal:8000", true));
  assert.ok(!UNLISTED.allows("greenroom.internal:8000", false));
  assert.ok(!UNLISTED.allows("a b", true));
});

Deno.test("hostNameOf and isLoopbackAddress read the forms that connections and headers have", () => {
  assert.equal(hostNameOf("[::1]:80"), "::1");
  assert.equal(hostNameOf("A.example.:1"), "a.example");
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) assert.ok(isLoopbackAddress(address), address);
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "local", ""]) assert.ok(!isLoopbackAddress(address), address);
});

function fromOwnPages(headers: Record<string, string>, host = "127.0.0.1:8000", policy = LOCAL): boolean {
  return isFromOwnPages(new Headers(headers), host, policy);
}

Deno.test("isFromOwnPages believes Origin, then Referer, then Sec-Fetch-Site", () => {
  assert.ok(fromOwnPages({ origin: "http://127.0.0.1:8000" }));
  assert.ok(fromOwnPages({ referer: "http://127.0.0.1:8000/jobs?x=1" }));
  assert.ok(fromOwnPages({ origin: "https://voice.example.com" }, "voice.example.com", LISTED));
  assert.ok(fromOwnPages({ "sec-fetch-site": "same-origin" }));
  assert.ok(fromOwnPages({}));
  const foreign: Record<string, string>[] = [
    { origin: "http://evil.example" },
    { origin: "http://127.0.0.1:9000" },
    { origin: "http://localhost:8000" },
    { origin: "null" },
    { origin: "file://" },
    { origin: "http://evil.example", referer: "http://127.0.0.1:8000/" },
    { referer: "http://evil.example/?http://127.0.0.1:8000/" },
    { referer: "http://127.0.0.1:8000@evil.example/" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  for (const headers of foreign) assert.ok(!fromOwnPages(headers), JSON.stringify(headers));
});

Deno.test("isFromOwnPages takes a listed name when a proxy has changed Host", () => {
  assert.ok(fromOwnPages({ origin: "https://voice.example.com" }, "10.0.0.5:8000", LISTED));
  assert.ok(!fromOwnPages({ origin: "https://evil.example" }, "10.0.0.5:8000", LISTED));
});
