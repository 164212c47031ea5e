import assert from "node:assert/strict";
import { RegionPreference } from "../../../core/dispatch/region_preference.ts";

const GRACE_MS = 3_000;

/** An instance beside one in the region "east" that serves the agent "echo" (unless nothing is `served`). */
function preference(region: string | null, { served = ["echo"], others = "east" as string | null } = {}) {
  return new RegionPreference({
    region,
    graceMs: GRACE_MS,
    others: {
      isServing: (agent, wanted) => served.includes(agent) && (wanted === undefined || wanted === others),
      hasRegions: () => others !== null,
    },
  });
}

Deno.test("a dispatch that names a region starts at once there, and anywhere when nobody serves it there", () => {
  const here = preference("west");
  assert.equal(here.mayPlaceHere("echo", null), true);
  assert.equal(here.mayPlaceHere("echo", "west"), true);
  assert.equal(here.mayPlaceHere("echo", "east"), false);
  assert.equal(here.mayPlaceHere("other", "east"), true);
  assert.equal(here.mayPlaceHere("echo", "north"), true);
  assert.equal(preference(null).mayPlaceHere("echo", "east"), false);
});

Deno.test("what waits is left to other regions for the grace, and for no time in a fleet without regions", () => {
  assert.deepEqual(preference("west").scope, { region: "west", regionGraceMs: GRACE_MS });
  assert.deepEqual(preference(null).scope, { region: null, regionGraceMs: GRACE_MS });
  assert.deepEqual(preference("west", { others: null }).scope, { region: "west", regionGraceMs: 0 });
});
