import { deepEqual, equal } from "node:assert/strict";
import { bodyOf, emptyValues, type FormValues, valuesOf } from "../../../components/dispatch/form_values.ts";
import { parseRecent } from "../../../components/dispatch/recent_payloads.ts";

const VALUES: FormValues = { ...emptyValues(undefined), agent: "echo", room: "desk" };
const PLAIN = { agent: "echo", room: "desk", placement: "direct" };

function errorPaths(part: Partial<FormValues>): string[] {
  const read = bodyOf({ ...VALUES, ...part }, null);
  return read.ok ? [] : read.errors.map(({ path }) => path);
}

Deno.test("the dispatch form asks for nothing that was left empty", () => {
  deepEqual(bodyOf(VALUES, null), { ok: true, body: PLAIN });
  deepEqual(bodyOf({ ...VALUES, priority: "low" }, null), { ok: true, body: { ...PLAIN, priority: "low" } });
});

Deno.test("the dispatch form reads whom it is for, when it starts in the page's zone, and after how long it expires", () => {
  const given = { ...VALUES, participantIdentity: "caller-7", startAt: "2030-01-02T03:04", expiresAfter: "1.5" };
  const wishes = { participantIdentity: "caller-7", deadlineMs: 1_500 };
  deepEqual(bodyOf(given, null), { ok: true, body: { ...PLAIN, ...wishes, scheduledAt: "2030-01-02T03:04:00.000Z" } });
  const local = bodyOf(given, null, "local");
  equal(local.ok && local.body.scheduledAt, new Date("2030-01-02T03:04").toISOString());
});

Deno.test("the dispatch form names a start and an expiry that are none", () => {
  deepEqual(errorPaths({ startAt: "soon", expiresAfter: "x" }), ["scheduledAt", "deadlineMs"]);
  deepEqual(errorPaths({ expiresAfter: "-1" }), ["deadlineMs"]);
});

Deno.test("the plain form's fields are the same values, and payloads that were kept without the newer ones are still read", () => {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...PLAIN, startAt: "2030-01-02T03:04", expiresAfter: "5" })) {
    form.set(name, value);
  }
  deepEqual(valuesOf(form), { ...VALUES, startAt: "2030-01-02T03:04", expiresAfter: "5" });
  const { participantIdentity: _, startAt: __, expiresAfter: ___, ...older } = VALUES;
  equal(parseRecent(JSON.stringify([{ at: "2026-11-22T12:00:00Z", values: older }])).length, 1);
});
