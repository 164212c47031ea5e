/** Slots, workers and LiveKit as this instance sees them: what `fleet` tells its listeners. */
import type { Admission } from "../capacity/admission.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { SlotPool } from "../runtime/slot_pool.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";
import type { InstanceControl } from "./instance_control.ts";

export interface Watched {
  instanceId: string;
  admission: Admission;
  control: InstanceControl;
  pool: SlotPool;
  workers: WorkerFleet;
  livekitHealth: LivekitHealth;
}

/** Without figures that change by themselves (ping times), so that an unchanged fleet looks unchanged. */
export function fleetSnapshot({ instanceId, admission, control, pool, workers, livekitHealth }: Watched) {
  const { state, since, error, remedy } = livekitHealth.snapshot();
  const { limits, ...slots } = admission.snapshot();
  return {
    instanceId,
    control: control.status(),
    slots: { ...slots, limits: limits.map(({ used: _used, ...limit }) => limit) },
    pool: pool.snapshot().map(({ retryAt: _retryAt, ...lane }) => lane),
    spareProcesses: pool.spareCount,
    workers: workers.list().map((worker) => {
      const { state, since, attempts, lastClose, lastError } = worker.snapshot();
      const { id, agent, jobType, server } = worker;
      return { id, agent, jobType, server, state, since, attempts, lastClose, lastError };
    }),
    livekit: { state, since, error, remedy },
  };
}
