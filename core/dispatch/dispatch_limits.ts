/**
 * Rate limits of new dispatches: of the instance, of each room and of each API key. Further attempts of a dispatch are not
 * new ones and never limited. Each instance counts for itself.
 */
import { type BucketPolicy, type Limit, type Taken, TokenBuckets } from "../resilience/token_bucket.ts";

export interface DispatchLimitSettings {
  /** `perSecond` 0: no limit. */
  global: BucketPolicy;
  room: BucketPolicy;
  key: BucketPolicy;
}

export class DispatchLimits {
  readonly #buckets = new TokenBuckets();
  readonly #settings: DispatchLimitSettings;

  constructor(settings: DispatchLimitSettings) {
    this.#settings = settings;
  }

  /** @param actor who asks, "rest:<key name>"; others than keys have no limit of their own. */
  take({ server, room, actor }: { server: string; room: string; actor: string }, nowMs: number): Taken {
    const { global, room: ofRoom, key } = this.#settings;
    const limits: Limit[] = [
      { scope: "global", key: "", policy: global },
      { scope: "room", key: `${server}\n${room}`, policy: ofRoom },
      ...(actor.startsWith("rest:") ? [{ scope: "key", key: actor, policy: key }] : []),
    ];
    return this.#buckets.take(limits.filter(({ policy }) => policy.perSecond > 0), nowMs);
  }
}
