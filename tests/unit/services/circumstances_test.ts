import { deepEqual } from "node:assert/strict";
import { circumstances } from "../../../core/services/circumstances.ts";

Deno.test("circumstances name an unreachable LiveKit server and a busy CPU, and nothing while all is well", () => {
  const since = new Date("2026-11-22T12:00:00Z");
  deepEqual(circumstances({ state: "unreachable", since, error: "connection refused" }, 0.97), [
    "The LiveKit server can't be reached since 2026-11-22T12:00:00.000Z: connection refused.",
    "97 % of the instance's CPU was busy.",
  ]);
  deepEqual(circumstances({ state: "reachable", since, error: null }, 0.5), []);
  deepEqual(circumstances({ state: "unknown", since, error: null }, null), []);
});
