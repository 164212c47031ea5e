import assert from "node:assert/strict";
import type { OtherInstance } from "../../../core/coordination/fleet_directory.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { NavigationCounter } from "../../../core/services/navigation_counts.ts";

const WORKER = { id: "w", refusal: null };

function other(agents: { used: number; worker: unknown; isStale?: boolean }[]): OtherInstance {
  return { instanceId: "there", agents: agents.map((agent) => ({ isStale: false, ...agent })) } as OtherInstance;
}

/** This instance has two workers and three calls. */
function countsWith(others: OtherInstance[]) {
  const parts = {
    // Whatever is read of it fails: unknown, and no matter here.
    database: {},
    admission: { snapshot: () => ({ used: 3 }) },
    workers: { list: () => [{}, {}] },
    directory: { others: () => others },
  };
  return new NavigationCounter({ ...parts, logger: silentLogger } as never).read();
}

Deno.test("The navigation counts calls and workers of the whole fleet, which are unknown while an instance is silent", async () => {
  const there = other([{ used: 2, worker: WORKER }, { used: 1, worker: WORKER }, { used: 0, worker: null }]);
  assert.deepEqual(await countsWith([]), { live: 3, workers: 2, rooms: null, toRecover: null });
  assert.deepEqual(await countsWith([there, other([])]), { live: 6, workers: 4, rooms: null, toRecover: null });
  const silent = other([{ used: 1, worker: WORKER, isStale: true }]);
  assert.deepEqual(await countsWith([there, silent]), { live: null, workers: null, rooms: null, toRecover: null });
});
