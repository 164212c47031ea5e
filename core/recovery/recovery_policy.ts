/** The recovery policy that holds for an agent: what its descriptor says, and the instance's settings for the rest. Pure. */
import type { AgentDescriptor } from "../agent/descriptor.ts";
import type { Config } from "../config/settings.ts";
import { DEFAULT_RECOVERY, type RecoveryPolicy } from "./decide_recovery.ts";

export type RecoverySettings = Pick<Config, "recoveryMaxAttempts" | "recoveryMaxAgeMs">;

/** @param agent null: it is not hosted here, and nothing is known of it. */
export function recoveryPolicyOf(agent: AgentDescriptor | null, settings: RecoverySettings): RecoveryPolicy {
  const { maxAttempts, maxAgeMs, backoff } = agent?.recovery ?? { maxAttempts: null, maxAgeMs: null, backoff: null };
  return {
    maxAttempts: maxAttempts ?? settings.recoveryMaxAttempts,
    maxAgeMs: maxAgeMs ?? settings.recoveryMaxAgeMs,
    backoff: {
      firstMs: backoff?.firstMs ?? DEFAULT_RECOVERY.backoff.firstMs,
      factor: backoff?.factor ?? DEFAULT_RECOVERY.backoff.factor,
      maxMs: backoff?.maxMs ?? DEFAULT_RECOVERY.backoff.maxMs,
    },
  };
}
