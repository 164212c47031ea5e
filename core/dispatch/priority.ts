/**
 * Queue order: a dispatch ranks by its creation time minus its priority's head start, so that a low one that has waited
 * long enough passes a fresh urgent one (ageing is built in, nothing has to be recomputed).
 */
import type { Priority } from "../../db/schema/states.ts";

const HEAD_START_MS: Record<Priority, number> = { urgent: 600_000, high: 60_000, normal: 0, low: -60_000 };

export function rankAt(createdAt: Date, priority: Priority): Date {
  return new Date(createdAt.getTime() - HEAD_START_MS[priority]);
}
