import assert from "node:assert/strict";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start();
});
Deno.test.afterAll(() => greenroom.stop());

Deno.test("POST /dispatches answers 201 with the agent ready, when asked to wait for ready", async () => {
  const { status, body, headers } = await greenroom.dispatch({ agent: "echo", room: "direct-1" });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(headers.get("location"), `/api/v1/dispatches/${body.id}`);
  assert.equal(body.state, "running");
  for (const stage of ["requestedAt", "assignedAt", "enteredAt", "connectedAt", "readyAt"]) assert.ok(body.stages[stage], stage);
  const stored = await greenroom.call("GET", `/api/v1/dispatches/${body.id}`);
  assert.deepEqual(stored.body, body);
});

Deno.test("a dispatch placed by LiveKit gets ready, and knows LiveKit's ids", async () => {
  await greenroom.logged("registered with LiveKit");
  const { status, body } = await greenroom.dispatch({ agent: "echo", room: "livekit-1", placement: "livekit" });
  assert.equal(status, 201, JSON.stringify(body));
  assert.match(body.jobs[0].livekitJobId, /^AJ_/);
});

Deno.test("DELETE ends a running dispatch as cancelled", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "cancel-1" });
  const cancel = await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  assert.equal(cancel.status, 202);
  const ended = await greenroom.dispatchIn(["cancelled"], body.id);
  assert.equal(ended.jobs[0].endReason, "cancelled");
});
