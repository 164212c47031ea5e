/**
 * Decides whether a failed job gets another attempt: asks the agent's own hooks (in its host, each capped in time; no
 * answer is none), then the pure rules of decide_recovery.ts.
 */
import type { AttemptQuery, AttemptRow } from "../../db/attempts.ts";
import type { HookResults, RecoveryFailure } from "../agent/hooks.ts";
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { AgentCatalog, AgentEntry } from "../runtime/agent_catalog.ts";
import { failureClassOf } from "../runtime/failure_explanation.ts";
import type { JobFailure } from "../runtime/job_end.ts";
import { decideRecovery, type RecoveryDecision } from "./decide_recovery.ts";
import { type FailureStreak, failureStreak } from "./failure_streak.ts";
import { recoveryPolicyOf, type RecoverySettings } from "./recovery_policy.ts";

export interface FailedAttempt {
  agent: string;
  dispatchId: string;
  room: string;
  jobId: string;
  /** The participant it was for, in a dispatch of which each participant has jobs of its own. */
  participant?: string;
  /** From 1. */
  attempt: number;
  failure: Pick<JobFailure, "kind" | "message" | "class" | "retryAfterMs">;
}

export interface RecoveryAdvisorOptions {
  catalog: Pick<AgentCatalog, "find">;
  settings: RecoverySettings & Pick<Config, "recoveryStableMs">;
  attempts: (query: AttemptQuery) => Promise<AttemptRow[]>;
  /** For how long LiveKit has been there without a break; 0 while it is not. */
  livekitReachableForMs: () => number;
  logger: Logger;
}

const HOOK_TIMEOUT_MS = 200;
/** rtc-node gives a connection up after 21-31 s, and a silent room is found some seconds later. */
const LIVEKITS_FAULT_WITHIN_MS = 60_000;

export class RecoveryAdvisor {
  readonly #options: RecoveryAdvisorOptions;

  constructor(options: RecoveryAdvisorOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async decide(failed: FailedAttempt, now: Date): Promise<RecoveryDecision> {
    const { catalog, settings } = this.#options;
    const agent = catalog.find(failed.agent);
    const policy = recoveryPolicyOf(agent?.descriptor ?? null, settings);
    const { room, failure } = failed;
    const { failures, since } = await this.#streakOf(failed, now, policy.maxAttempts);
    const failureClass = failureClassOf(failure);
    const asked: RecoveryFailure = {
      ...{ kind: failure.kind, class: failureClass, message: failure.message, room },
      ...{ attempt: failures, maxAttempts: policy.maxAttempts },
      ageMs: now.getTime() - since.getTime(),
    };
    const advice = await this.#ask(agent, "decide", asked);
    const { kind, retryAfterMs = null } = failure;
    const known = { failure: { kind, class: failureClass, retryAfterMs }, failures, since, advice };
    const decided = decideRecovery(known, policy, now);
    if (decided.action === "SKIP" || decided.action === "TERMINATE") return decided;
    const isAllowed = await this.#ask(agent, "onRecoveryAttempt", asked);
    return isAllowed === false ? { action: "SKIP", reason: "the agent refused another attempt" } : decided;
  }

  /**
   * No more of them are read than could matter, and none for a first attempt, because a caller is hearing nothing. While the
   * database is away only the attempt's own number counts. What was lost with LiveKit itself is not held against the agent.
   */
  async #streakOf(failed: FailedAttempt, at: Date, limit: number): Promise<FailureStreak> {
    const { attempts, livekitReachableForMs, settings: { recoveryStableMs }, logger } = this.#options;
    const { dispatchId, jobId, participant = null, attempt, failure } = failed;
    if (attempt === 1) return { failures: 1, since: at };
    const isLivekitsFault = failure.kind === "connection_lost" && livekitReachableForMs() < LIVEKITS_FAULT_WITHIN_MS;
    try {
      const found = await attempts({ dispatchId, participant, limit });
      const streak = failureStreak(found, { jobId, at }, recoveryStableMs);
      return isLivekitsFault ? { ...streak, failures: 1 } : streak;
    } catch (error) {
      logger.warn("the attempts of a dispatch could not be read", { dispatch: dispatchId, job: jobId, error });
      return { failures: attempt, since: at };
    }
  }

  async #ask<Name extends "decide" | "onRecoveryAttempt">(
    agent: AgentEntry | null,
    name: Name,
    failure: RecoveryFailure,
  ): Promise<HookResults[Name] | null> {
    if (agent?.descriptor?.hooks[name] !== true) return null;
    const answer = await agent.hook(name, failure, HOOK_TIMEOUT_MS);
    if (answer.ok) return answer.value;
    this.#options.logger.warn("a recovery hook gave no answer", {
      agent: agent.name,
      hook: name,
      reason: answer.reason,
    });
    return null;
  }
}
