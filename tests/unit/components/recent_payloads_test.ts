import { deepEqual, equal } from "node:assert/strict";
import type { FormValues } from "../../../components/dispatch/form_values.ts";
import {
  MAX_RECENT,
  parseRecent,
  type RecentPayload,
  withRecent,
} from "../../../components/dispatch/recent_payloads.ts";

const AT = new Date("2026-11-22T12:00:00Z");
const VALUES: FormValues = {
  agent: "echo",
  room: "hello",
  metadataAs: "json",
  fields: {},
  json: '{"a":1}',
  priority: "normal",
  placement: "direct",
  participantIdentity: "",
  startAt: "",
  expiresAfter: "",
};

Deno.test("recent payloads are the newest first, each once, and at most MAX_RECENT", () => {
  let list: RecentPayload[] = [];
  for (let i = 0; i < MAX_RECENT + 3; i++) list = withRecent(list, { ...VALUES, room: `room-${i}` }, AT);
  equal(list.length, MAX_RECENT);
  equal(list[0]?.values.room, `room-${MAX_RECENT + 2}`);
  list = withRecent(list, { ...VALUES, room: "room-5" }, AT);
  deepEqual([list.length, list.filter(({ values }) => values.room === "room-5").length], [MAX_RECENT, 1]);
  equal(list[0]?.values.room, "room-5");
});

Deno.test("a payload that is too large for the browser's storage is not kept", () => {
  deepEqual(withRecent([], { ...VALUES, json: "x".repeat(20_000) }, AT), []);
});

Deno.test("what was stored comes back, and what is broken or of another shape does not", () => {
  const list = withRecent([], VALUES, AT);
  deepEqual(parseRecent(JSON.stringify(list)), list);
  for (const text of [null, "", "no json", "{}", '[1,null,{"at":"x"}]', '[{"at":"2026-11-22","values":{"agent":1}}]']) {
    deepEqual(parseRecent(text), [], String(text));
  }
});
