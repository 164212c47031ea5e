/** A stream lasts no longer than the key or session that it was opened with. */
import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { Hub } from "../../../core/updates/hub.ts";
import { EventReader } from "../../support/event_reader.ts";

function listener(hub: Hub, key: string, isOpen: () => boolean | Promise<boolean>): EventReader {
  const subscribed = hub.subscribe({ topics: ["load"], lastEventId: null, access: { key, isOpen } });
  assert.ok(subscribed.ok);
  return new EventReader(subscribed.stream);
}

Deno.test("streams of an ended key end, all others go on, and each key is asked about once", async () => {
  const hub = new Hub({ instanceId: uuidv7(), maxClients: 10, logger: silentLogger });
  let asked = 0;
  const ended = () => {
    asked += 1;
    return Promise.resolve(false);
  };
  const revoked = [listener(hub, "revoked", ended), listener(hub, "revoked", ended)];
  await using valid = listener(hub, "valid", () => true);
  await hub.endClosed();
  for (const reader of revoked) assert.deepEqual((await reader.rest()).map(({ event }) => event), ["hello"]);
  assert.equal(asked, 1);
  assert.equal(hub.clientCount, 1);
  hub.publish("load", "load", 1);
  assert.deepEqual((await valid.take(2)).map(({ event }) => event), ["hello", "load"]);
});

Deno.test("while a session can't be checked its stream goes on, and the others are checked all the same", async () => {
  const hub = new Hub({ instanceId: uuidv7(), maxClients: 10, logger: silentLogger });
  await using unclear = listener(hub, "unclear", () => Promise.reject(new Error("no database")));
  const revoked = listener(hub, "revoked", () => false);
  await assert.rejects(hub.endClosed(), /1 keys or sessions can't be checked/);
  await revoked.rest();
  assert.equal(hub.clientCount, 1);
  hub.publish("load", "load", 1);
  assert.equal((await unclear.take(2)).length, 2);
});
