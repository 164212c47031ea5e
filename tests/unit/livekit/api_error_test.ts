import assert from "node:assert/strict";
import { errorFromAnswer, errorFromFailure, isRetryableApiError } from "../../../core/livekit/api_error.ts";

const NOT_FOUND = JSON.stringify({ code: "not_found", msg: "participant does not exist" });
const LIMIT = { isTimeout: false, timeoutMs: 5 };

Deno.test("errorFromAnswer tells kinds apart by status and says what LiveKit said", () => {
  const kinds = [401, 403, 400, 412, 500, 503].map((status) => errorFromAnswer("X", status, "").kind);
  assert.deepEqual(kinds, ["unauthorized", "unauthorized", "invalid", "invalid", "server", "server"]);
  const error = errorFromAnswer("GetParticipant", 404, NOT_FOUND);
  assert.deepEqual([error.kind, error.status, error.code], ["not_found", 404, "not_found"]);
  assert.match(error.message, /participant does not exist/);
});

Deno.test("errorFromAnswer takes a 404 that is not Twirp's for a wrong address", () => {
  assert.equal(errorFromAnswer("X", 404, "<html>not here</html>").kind, "unreachable");
});

Deno.test("errorFromAnswer never repeats the body of a 401, which holds the token", () => {
  const error = errorFromAnswer("X", 401, "invalid token: eyJh.eyJp.sig");
  assert.ok(!`${error.message}${error.stack}`.includes("eyJ"));
});

Deno.test("isRetryableApiError takes network errors and 5xx, and nothing else", () => {
  assert.equal(isRetryableApiError(errorFromAnswer("X", 500, "")), true);
  assert.equal(isRetryableApiError(errorFromFailure("X", new TypeError("refused"), LIMIT)), true);
  for (const status of [400, 401, 404, 409, 429]) {
    assert.equal(isRetryableApiError(errorFromAnswer("X", status, "")), false, `${status}`);
  }
  assert.equal(isRetryableApiError(errorFromFailure("X", null, { isTimeout: true, timeoutMs: 5 })), false);
  assert.equal(isRetryableApiError(new Error("other")), false);
});

Deno.test("errorFromFailure names the cause that fetch hides", () => {
  const error = errorFromFailure("X", new TypeError("fetch failed", { cause: new Error("dns error") }), LIMIT);
  assert.match(error.message, /fetch failed: dns error/);
  assert.ok(error.remedy.includes("LIVEKIT_URL"));
});
