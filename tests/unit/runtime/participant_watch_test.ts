import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Room } from "@livekit/rtc-node";
import { ParticipantWatch } from "../../../core/runtime/child/participant_watch.ts";

type WatchedRoom = Pick<Room, "on" | "remoteParticipants">;

function watch({ waitMs = 60_000, isThere = true } = {}) {
  const room = Object.assign(new EventEmitter(), { remoteParticipants: new Map(isThere ? [["ada", {}]] : []) });
  const gone = Promise.withResolvers<string>();
  const calls: string[] = [];
  const watched = new ParticipantWatch({
    room: room as unknown as WatchedRoom,
    ...{ identity: "ada", waitMs },
    onGone: (detail) => {
      calls.push(detail);
      gone.resolve(detail);
    },
  });
  const left = (identity: string) => {
    room.remoteParticipants.delete(identity);
    room.emit("participantDisconnected", { identity });
  };
  return { room, watched, gone: gone.promise, calls, left };
}

Deno.test("ParticipantWatch says once that its participant left, and nothing of others", () => {
  const { watched, calls, left } = watch();
  watched.joined();
  left("bob");
  assert.deepEqual(calls, []);
  left("ada");
  left("ada");
  assert.equal(calls.length, 1);
  assert.match(calls[0] ?? "", /ada, which the job is for, left/);
});

Deno.test("ParticipantWatch waits for a participant that has not come, for its time", async () => {
  const { watched, gone } = watch({ isThere: false, waitMs: 20 });
  watched.joined();
  assert.match(await gone, /was not in the room for 0\.02 s/);
});

Deno.test("ParticipantWatch awaits again one that goes while our own connection is re-made, instead of giving it up", async () => {
  const { watched, gone, calls, left, room } = watch({ waitMs: 30 });
  watched.joined();
  room.emit("reconnecting");
  left("ada");
  room.emit("reconnected");
  left("ada");
  assert.deepEqual(calls, []);
  room.emit("participantConnected", { identity: "ada" });
  left("ada");
  assert.match(await gone, /was not in the room/);
});

Deno.test("ParticipantWatch is silent before the room is joined and after it was closed", () => {
  const { watched, calls, left } = watch();
  left("ada");
  watched.joined();
  watched.close();
  left("ada");
  assert.deepEqual(calls, []);
});
