import assert from "node:assert/strict";
import { waitingReasonInFleet } from "../../../core/dispatch/waiting_reason.ts";

const fleet = (isServed: boolean, isHosted: boolean) => ({
  isServedElsewhere: () => isServed,
  isHostedElsewhere: () => isHosted,
});

Deno.test("what stands against an agent here is no reason while another instance takes its jobs", () => {
  for (const here of ["agent_broken", "livekit_unreachable", "cordoned"]) {
    assert.equal(waitingReasonInFleet("echo", here, fleet(false, true)), here);
    assert.equal(waitingReasonInFleet("echo", here, fleet(true, true)), null);
    assert.equal(waitingReasonInFleet("echo", here, {}), here);
  }
  assert.equal(waitingReasonInFleet("echo", null, fleet(false, false)), null);
});

Deno.test("an agent is not hosted when no instance has it; one that has it says itself what else stands against it", () => {
  assert.equal(waitingReasonInFleet("echo", "agent_not_hosted", fleet(false, false)), "agent_not_hosted");
  assert.equal(waitingReasonInFleet("echo", "agent_not_hosted", fleet(false, true)), null);
});
