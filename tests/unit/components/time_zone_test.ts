import { deepEqual, equal, match } from "node:assert/strict";
import { clock, exactTime, zoneName } from "../../../components/format.ts";
import { noteOf } from "../../../components/layout/counts.ts";

const AT = "2026-11-22T14:08:20.114Z";

Deno.test("times are in UTC unless the reader chose the machine's own zone", () => {
  deepEqual([clock(AT), exactTime(AT)], ["14:08:20.114", "2026-11-22 14:08:20.114 UTC"]);
  const local = new Date(AT);
  const two = (value: number) => String(value).padStart(2, "0");
  equal(clock(AT, "local").slice(0, 5), `${two(local.getHours())}:${two(local.getMinutes())}`);
  match(exactTime(AT, "local"), /^2026-11-2\d \d\d:\d\d:20\.114 UTC([+−]\d\d:\d\d)?$/);
});

Deno.test("a zone is named by its distance from UTC at that time", () => {
  const inZone = (offsetMinutes: number) => ({ getTimezoneOffset: () => offsetMinutes }) as Date;
  deepEqual([0, -330, 480].map((minutes) => zoneName(inZone(minutes), "local")), ["UTC", "UTC+05:30", "UTC−08:00"]);
  equal(zoneName(inZone(-60), "utc"), "UTC");
});

Deno.test("the navigation's figures are told short; what waits to be recovered is capped, and nothing when there is none", () => {
  const counts = { live: 1_284, workers: 3, rooms: null, toRecover: 0 };
  equal(noteOf("live", counts)?.text, "1,284 live");
  deepEqual([noteOf("rooms", counts), noteOf("toRecover", counts)], [null, null]);
  equal(noteOf("toRecover", { ...counts, toRecover: null }), null);
  deepEqual(noteOf("toRecover", { ...counts, toRecover: 100 }), {
    text: "99+",
    words: "99+ dispatches failed in the last hour and not retried",
    isProblem: true,
  });
});
