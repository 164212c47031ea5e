import assert from "node:assert/strict";
import { dirname } from "node:path";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { ChildListener } from "../../../core/runtime/child_listener.ts";
import { Reaper } from "../../../core/runtime/reaper.ts";
import { eventually } from "../../support/eventually.ts";

async function say(path: string, text: string): Promise<Deno.Conn> {
  const connection = await Deno.connect({ transport: "unix", path });
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

function open(reaper: Reaper | null = null) {
  const listener = ChildListener.open({ logger: silentLogger, reaper });
  return Object.assign(listener, { [Symbol.dispose]: () => listener.close() });
}

Deno.test("ChildListener hands over the connection that says the token, with the bytes behind it left to read", async () => {
  using listener = open();
  const expected = listener.expect();
  using child = await say(listener.path, `${expected.token}hello`);
  using connection = await expected.connection;
  const buffer = new Uint8Array(16);
  const count = await connection?.read(buffer);
  assert.equal(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), "hello");
  assert.ok(child);
});

Deno.test("ChildListener closes and counts a wrong token, a used one and a greeting that breaks off", async () => {
  using listener = open();
  const expected = listener.expect();
  const closes = async (connection: Deno.Conn) => {
    assert.equal(await connection.read(new Uint8Array(1)), null);
    connection.close();
  };
  await closes(await say(listener.path, "0".repeat(expected.token.length)));
  (await say(listener.path, expected.token.slice(1))).close();
  await eventually(() => listener.refused === 2);
  using _first = await say(listener.path, expected.token);
  using connection = await expected.connection;
  assert.ok(connection);
  await closes(await say(listener.path, expected.token));
  assert.equal(listener.refused, 3);
});

Deno.test("ChildListener waits no more for a child that is gone, or when it is closed", async () => {
  using listener = open();
  const gone = listener.expect();
  gone.cancel();
  assert.equal(await gone.connection, null);
  const waiting = listener.expect();
  listener.close();
  assert.equal(await waiting.connection, null);
  assert.equal(await listener.expect().connection, null);
});

Deno.test("ChildListener's folder is closed to others and removed at the end", async () => {
  const listener = open();
  const folder = dirname(listener.path);
  assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
  listener.close();
  await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
});

Deno.test("ChildListener's folder is removed by the reaper when nobody else does", async () => {
  const reaper = new Reaper(silentLogger);
  reaper.start();
  using listener = open(reaper);
  const folder = dirname(listener.path);
  await reaper.stop();
  await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
});
