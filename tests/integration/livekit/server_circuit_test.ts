/** Calls to a server that fails are held back, and sent again when it is well. A server that misbehaves on purpose. */
import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { LivekitApiError } from "../../../core/livekit/api_error.ts";
import { createServerApi } from "../../../core/livekit/server_api.ts";
import { CircuitOpenError, type CircuitState, createServerCircuit } from "../../../core/livekit/server_circuit.ts";

const CREDENTIALS = { apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" };

/** A server API behind a circuit, and a server that answers as it is told. */
function withServer() {
  const answer = { status: 200, code: "internal" };
  const requests: string[] = [];
  const states: CircuitState[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push(new URL(request.url).pathname.split("/").at(-1) ?? "");
    const { status, code } = answer;
    return new Response(status === 200 ? null : JSON.stringify({ code, msg: "broken" }), { status });
  });
  const clock = { nowMs: 0 };
  const circuit = createServerCircuit({
    logger: silentLogger,
    onChange: (state) => states.push(state),
    nowMs: () => clock.nowMs,
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const api = createServerApi({ url, ...CREDENTIALS, timeoutMs: 2_000, circuit });
  // Not idempotent, so that it is tried once.
  const send = () => api.sendData({ room: "lobby", topic: "t", data: new Uint8Array() });
  const stop = () => server.shutdown();
  return { answer, requests, states, circuit, clock, api, send, [Symbol.asyncDispose]: stop };
}

async function errorOf(call: Promise<unknown>): Promise<LivekitApiError> {
  return await call.then(() => assert.fail("the call succeeded"), (error) => error);
}

Deno.test("the server API sends nothing after five failures, and no retry waits for that", async () => {
  await using server = withServer();
  const { answer, requests, states, api, send } = server;
  answer.status = 500;
  for (let n = 0; n < 5; n++) assert.equal((await errorOf(send())).kind, "server");
  assert.deepEqual([requests.length, states], [5, ["open"]]);
  assert.ok(await errorOf(send()) instanceof CircuitOpenError);
  const refused = await errorOf(api.listRooms());
  assert.ok(refused instanceof CircuitOpenError);
  assert.deepEqual([refused.kind, refused.retryAfterMs], ["unreachable", 1_000]);
  assert.equal(requests.length, 5);
});

Deno.test("one call tries after the pause, and closes the circuit when the server is well", async () => {
  await using server = withServer();
  const { answer, requests, states, clock, send } = server;
  answer.status = 502;
  for (let n = 0; n < 5; n++) await errorOf(send());
  clock.nowMs = 1_000;
  await errorOf(send());
  assert.ok(await errorOf(send()) instanceof CircuitOpenError);
  clock.nowMs = 2_000;
  answer.status = 200;
  await send();
  await send();
  assert.equal(requests.length, 8);
  assert.deepEqual(states, ["open", "half_open", "open", "half_open", "closed"]);
});

Deno.test("the health check is sent through an open circuit, and closes it", async () => {
  await using server = withServer();
  const { answer, circuit, api, send } = server;
  answer.status = 500;
  for (let n = 0; n < 5; n++) await errorOf(send());
  assert.equal((await api.checkHealth()).ok, false);
  assert.equal(circuit.state, "open");
  answer.status = 200;
  assert.equal((await api.checkHealth()).ok, true);
  assert.equal(circuit.state, "closed");
});

for (const [status, code] of [[400, "malformed"], [401, ""], [404, "not_found"], [503, "unavailable"]] as const) {
  Deno.test(`the circuit stays closed when the server answers HTTP ${status} ${code}: it is well`, async () => {
    await using server = withServer();
    Object.assign(server.answer, { status, code });
    for (let n = 0; n < 6; n++) await errorOf(server.send());
    assert.deepEqual([server.circuit.state, server.requests.length], ["closed", 6]);
  });
}
