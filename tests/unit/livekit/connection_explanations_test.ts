import assert from "node:assert/strict";
import {
  type AgentProbe,
  explainClose,
  explainHandshakeFailure,
} from "../../../core/livekit/connection_explanations.ts";

const URL = "ws://livekit.example:7880";

function refused(message: string, probe: AgentProbe | null = null) {
  return explainHandshakeFailure(URL, { kind: "refused", message, probe });
}

function answered(status: number, clockSkewMs = 0): AgentProbe {
  return { kind: "answered", status, clockSkewMs };
}

Deno.test("explainClose has words of its own for each close code that LiveKit or a proxy sends", () => {
  const texts = [1000, 1001, 1006, 1009, 1011, 4321].map((code) => explainClose(code, "").explanation);
  assert.equal(new Set(texts).size, texts.length);
});

Deno.test("explainClose treats Deno's 0 as 1006: no close frame came", () => {
  assert.deepEqual(explainClose(0, ""), explainClose(1006, ""));
});

Deno.test("explainClose quotes the server's reason, cut", () => {
  assert.ok(explainClose(1011, "boom").explanation.includes('("boom")'));
  assert.ok(explainClose(1000, "x".repeat(5_000)).explanation.length < 400);
});

Deno.test("explainHandshakeFailure tells the causes of a 401 apart by the probe and the server's clock", () => {
  const message = "NetworkError: failed to connect to WebSocket: Invalid status code: 401";
  assert.match(refused(message, answered(401)).explanation, /API key or secret/);
  assert.match(refused(message, answered(404)).explanation, /`agent` grant/);
  assert.match(refused(message, answered(401, 120_000)).explanation, /clock differs from ours by 120 s/);
  assert.match(refused(message, answered(401, -90_000)).remedy, /NTP/);
  assert.match(refused(message, null).remedy, /LIVEKIT_API_KEY/);
});

Deno.test("explainHandshakeFailure explains 403, 404 and 5xx as what stands before LiveKit or a wrong address", () => {
  assert.match(refused("Invalid status code: 403").explanation, /forbids/);
  assert.match(refused("Invalid status code: 404").remedy, /LIVEKIT_URL/);
  assert.match(refused("Invalid status code: 502").explanation, /HTTP 502: the server or a proxy/);
});

Deno.test("explainHandshakeFailure tells DNS, refused and TLS failures apart", () => {
  assert.match(
    refused("failed to connect to WebSocket: dns error").explanation,
    /host name livekit.example is not known/,
  );
  const probe: AgentProbe = {
    kind: "failed",
    detail: "client error (Connect): tcp connect error: Connection refused (os error 111)",
  };
  assert.match(refused("tcp connect error", probe).explanation, /nothing listens/);
  assert.match(refused("invalid peer certificate: UnknownIssuer").remedy, /certificate/);
  assert.match(refused("odd").explanation, /can't be reached: odd/);
});

Deno.test("explainHandshakeFailure says how long it waited and what ended an unacknowledged registration", () => {
  assert.match(explainHandshakeFailure(URL, { kind: "timed_out", timeoutMs: 45_000 }).explanation, /45000 ms/);
  assert.match(
    explainHandshakeFailure(URL, { kind: "not_registered", code: 0, reason: "" }).explanation,
    /before it acknowledged/,
  );
});
