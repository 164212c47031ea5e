import assert from "node:assert/strict";
import { LivekitApiError } from "../../../core/livekit/api_error.ts";
import { createServerApi } from "../../../core/livekit/server_api.ts";
import { mintJobToken, mintWorkerToken, verifyWebhook } from "../../../core/livekit/tokens.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestLivekit } from "../../support/livekit.ts";

const CREDENTIALS = { apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" };

/** The error that a call ended with. */
async function errorOf(call: Promise<unknown>): Promise<LivekitApiError> {
  const error = await call.then(() => assert.fail("the call succeeded"), (reason) => reason);
  assert.ok(error instanceof LivekitApiError, String(error));
  return error;
}

/** An HTTP server that answers each call with the next of `statuses`, and its last one from then on. */
function startHttp(statuses: number[]) {
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push(new URL(request.url).pathname);
    const status = statuses[Math.min(requests.length, statuses.length) - 1] ?? 200;
    return new Response(status === 200 ? null : JSON.stringify({ code: "internal", msg: "broken" }), { status });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, requests, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("server API on a real server", async (t) => {
  await using server = await startTestLivekit();
  const { api } = server;

  await t.step("createRoom makes a room once, and listRooms finds it by name", async () => {
    const made = await api.createRoom("lobby", { metadata: "m" });
    assert.equal((await api.createRoom("lobby")).sid, made.sid);
    assert.deepEqual((await api.listRooms(["lobby", "absent"])).map(({ name }) => name), ["lobby"]);
  });

  await t.step("createDispatch carries attributes, which the dispatch shows", async () => {
    const { id } = await api.createDispatch({
      agentName: "a",
      room: "lobby",
      metadata: "m",
      attributes: { "greenroom.dispatch": "d1" },
    });
    const found = await api.getDispatch("lobby", id);
    assert.deepEqual([found.agentName, found.metadata, found.attributes], ["a", "m", { "greenroom.dispatch": "d1" }]);
  });

  await t.step("deleteDispatch says whether the dispatch was there", async () => {
    const { id } = await api.createDispatch({ agentName: "a", room: "lobby" });
    assert.equal(await api.deleteDispatch("lobby", id), true);
    assert.equal(await api.deleteDispatch("lobby", id), false);
    assert.equal(await api.findDispatch("lobby", id), null);
    assert.equal((await errorOf(api.getDispatch("lobby", id))).kind, "not_found");
  });

  await t.step("calls about an absent room answer that it is absent", async () => {
    assert.deepEqual(await api.listDispatches("absent"), []);
    assert.deepEqual(await api.listParticipants("absent"), []);
    assert.equal(await api.deleteDispatch("absent", "AD_x"), false);
    assert.equal(await api.findParticipant("absent", "alice"), null);
    assert.equal((await errorOf(api.getParticipant("absent", "alice"))).kind, "not_found");
    assert.equal(await api.removeParticipant("lobby", "alice"), false);
  });

  await t.step("a wrong secret is unauthorized, and the error shows no token", async () => {
    const wrong = createServerApi({
      url: server.url,
      apiKey: server.apiKey,
      apiSecret: "w".repeat(32),
      timeoutMs: 5_000,
    });
    const error = await errorOf(wrong.listRooms());
    assert.deepEqual([error.kind, error.status], ["unauthorized", 401]);
    assert.ok(!Deno.inspect(error).includes("eyJ"));
    assert.match(error.remedy, /LIVEKIT_API_SECRET/);
  });

  await t.step("checkHealth measures the way there and back", async () => {
    const health = await api.checkHealth();
    assert.ok(health.ok && health.elapsedMs > 0);
  });

  await t.step("a job token is refused on /agent, a worker token is taken", async () => {
    const jobToken = await mintJobToken(server, {
      room: "lobby",
      identity: "a",
      agentName: "a",
      dispatchId: "d",
      attempt: 1,
    });
    assert.match(await webSocketFailure(server.url, jobToken), /401/);
    assert.equal(await webSocketFailure(server.url, await mintWorkerToken(server)), "opened");
  });
});

/** "opened", or the error text of a WebSocket handshake on /agent. */
function webSocketFailure(url: string, token: string): Promise<string> {
  const webSocket = new WebSocket(`${url}/agent?access_token=${token}`);
  return new Promise((resolve) => {
    webSocket.onopen = () => {
      webSocket.close();
      resolve("opened");
    };
    webSocket.onerror = (event) => resolve(event instanceof ErrorEvent ? event.message : "error");
  });
}

Deno.test("verifyWebhook takes what a real server sends, and nothing that was changed on the way", async () => {
  const received: { body: string; authorization: string | null }[] = [];
  const listener = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    received.push({ body: await request.text(), authorization: request.headers.get("authorization") });
    return new Response();
  });
  await using server = await startTestLivekit({ webhookUrl: `http://127.0.0.1:${listener.addr.port}/livekit/webhook` });
  await server.api.createRoom("hooked");
  const hook = await eventually(() => received.find(({ body }) => body.includes("room_started")));
  const verdict = await verifyWebhook(server, hook);
  assert.ok(verdict.ok && verdict.event.event === "room_started" && verdict.event.room?.name === "hooked");
  assert.equal((await verifyWebhook(server, { ...hook, body: hook.body.replace("hooked", "hacked") })).ok, false);
  assert.equal((await verifyWebhook({ ...server, apiSecret: "o".repeat(32) }, hook)).ok, false);
  await listener.shutdown();
});

Deno.test("server API tries an idempotent call again after 5xx, and not after 4xx", async () => {
  await using failing = startHttp([503, 500, 200]);
  const api = createServerApi({ url: failing.url, ...CREDENTIALS, timeoutMs: 5_000 });
  assert.deepEqual(await api.listRooms(), []);
  assert.equal(failing.requests.length, 3);
  await using refusing = startHttp([400]);
  const error = await errorOf(createServerApi({ url: refusing.url, ...CREDENTIALS, timeoutMs: 5_000 }).listRooms());
  assert.deepEqual([error.kind, refusing.requests.length], ["invalid", 1]);
});

Deno.test("server API never sends createDispatch or sendData twice, because each would start or say it again", async () => {
  await using failing = startHttp([503]);
  const api = createServerApi({ url: failing.url, ...CREDENTIALS, timeoutMs: 5_000 });
  assert.equal((await errorOf(api.createDispatch({ agentName: "a", room: "r" }))).kind, "server");
  assert.equal((await errorOf(api.sendData({ room: "r", topic: "t", data: new Uint8Array() }))).kind, "server");
  assert.equal(failing.requests.length, 2);
});

Deno.test("server API gives up a call that is not answered in time, once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) accepted.push(connection);
  })();
  const api = createServerApi({ url: `ws://127.0.0.1:${listener.addr.port}`, ...CREDENTIALS, timeoutMs: 100 });
  const error = await errorOf(api.listRooms());
  assert.equal(error.kind, "timeout");
  assert.match(error.message, /within 100 ms/);
  assert.equal(accepted.length, 1);
  listener.close();
  for (const connection of accepted) connection.close();
  await accepting;
});

Deno.test("server API says when nothing listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  const error = await errorOf(
    createServerApi({ url: `ws://127.0.0.1:${listener.addr.port}`, ...CREDENTIALS, timeoutMs: 5_000 }).listRooms(),
  );
  assert.equal(error.kind, "unreachable");
  assert.match(error.message, /refused/i);
  assert.match(error.remedy, /LIVEKIT_URL/);
});
