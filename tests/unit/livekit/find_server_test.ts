import assert from "node:assert/strict";
import { isOlder, LivekitServerNotFound, parseVersion } from "../../../core/livekit/find_server.ts";

Deno.test("parseVersion reads what livekit-server prints", () => {
  assert.equal(parseVersion("livekit-server version 1.13.5\n"), "1.13.5");
  assert.equal(parseVersion("livekit-server version v1.14.0-rc.1"), "1.14.0-rc.1");
  assert.equal(parseVersion("something else"), null);
});

Deno.test("isOlder compares numbers, not texts", () => {
  assert.equal(isOlder("1.8.9", [1, 9]), true);
  assert.equal(isOlder("1.9.0", [1, 9]), false);
  assert.equal(isOlder("1.13.5", [1, 9]), false);
  assert.equal(isOlder("0.20.0", [1, 9]), true);
  assert.equal(isOlder("2.0.0", [1, 9]), false);
});

Deno.test("LivekitServerNotFound explains the three ways to get a server", () => {
  const { message } = new LivekitServerNotFound("a reason");
  for (const part of ["a reason", "LIVEKIT_URL", "GREENROOM_LIVEKIT_SERVER", "Go 1.26"]) {
    assert.ok(message.includes(part), part);
  }
});
