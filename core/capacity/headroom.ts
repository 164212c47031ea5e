/** How many more calls fit now. Pure. */

export interface HeadroomInput {
  /** Free by the limit of jobs; 0 while none are admitted. */
  freeSlots: number;
  /** That the resource limiter lets in; Infinity without limits. */
  withinLimits: number;
  /** null: unknown. */
  memoryAvailableBytes: number | null;
  memoryPerJobBytes: number;
}

export interface Headroom {
  calls: number;
  /** What bounds it. */
  boundBy: "slots" | "limits" | "memory";
}

/** Memory that is left to everything else on the machine. */
const KEPT_FREE_BYTES = 134_217_728;

/** The least of free slots, limits, and the memory that is there: (available - 128 MiB) / memory per job. */
export function headroomOf(
  { freeSlots, withinLimits, memoryAvailableBytes, memoryPerJobBytes }: HeadroomInput,
): Headroom {
  const inMemory = memoryAvailableBytes === null
    ? Infinity
    : Math.max(0, Math.floor((memoryAvailableBytes - KEPT_FREE_BYTES) / memoryPerJobBytes));
  const bounds = [
    { boundBy: "slots", calls: freeSlots },
    { boundBy: "limits", calls: withinLimits },
    { boundBy: "memory", calls: inMemory },
  ] as const;
  const { calls, boundBy } = bounds.reduce((least, bound) => bound.calls < least.calls ? bound : least);
  return { calls, boundBy };
}
