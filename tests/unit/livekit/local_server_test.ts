import assert from "node:assert/strict";
import { maskTokens } from "../../../core/livekit/local_server.ts";
import { mintWorkerToken } from "../../../core/livekit/tokens.ts";

Deno.test("maskTokens removes every token from a line of the server", async () => {
  const token = await mintWorkerToken({ apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" });
  assert.equal(
    maskTokens(`{"error":"invalid token: ${token}, ${token}"}`),
    '{"error":"invalid token: [token], [token]"}',
  );
});
