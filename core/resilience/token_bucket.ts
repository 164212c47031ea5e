/**
 * Rate limits by token buckets. A bucket holds up to `burst` tokens and gains `perSecond`; a request takes one of each
 * bucket that it falls under, or none at all. Time comes in as an argument.
 */

export interface BucketPolicy {
  burst: number;
  /** Tokens gained a second. */
  perSecond: number;
}

export interface Limit {
  /** Named in the refusal: "global", "room", "key". */
  scope: string;
  /** Which bucket of the scope. */
  key: string;
  policy: BucketPolicy;
}

export type Taken = { ok: true } | { ok: false; scope: string; retryAfterMs: number };

interface Bucket {
  tokens: number;
  atMs: number;
  policy: BucketPolicy;
}

/** Buckets kept at once; beyond, the one that was used longest ago is forgotten. */
const MAX_BUCKETS = 10_000;
/** With each use so many of the longest unused are looked at: one that is full again is as good as none. */
const LOOKED_AT = 2;

export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one token of each limit's bucket; with one of them empty nothing is taken, and it says when to come back. */
  take(limits: readonly Limit[], nowMs: number): Taken {
    const buckets = limits.map((limit) => ({ limit, bucket: this.#refilled(limit, nowMs) }));
    let longest: { scope: string; retryAfterMs: number } | null = null;
    for (const { limit, bucket } of buckets) {
      if (bucket.tokens >= 1) continue;
      const retryAfterMs = Math.ceil((1 - bucket.tokens) * 1_000 / limit.policy.perSecond);
      if (longest === null || retryAfterMs > longest.retryAfterMs) longest = { scope: limit.scope, retryAfterMs };
    }
    if (longest !== null) return { ok: false, ...longest };
    for (const { bucket } of buckets) bucket.tokens -= 1;
    return { ok: true };
  }

  get size(): number {
    return this.#buckets.size;
  }

  #refilled({ scope, key, policy }: Limit, nowMs: number): Bucket {
    const name = `${scope}\n${key}`;
    const bucket = this.#buckets.get(name) ?? { tokens: policy.burst, atMs: nowMs, policy };
    bucket.policy = policy;
    bucket.tokens = tokensAt(bucket, nowMs);
    bucket.atMs = nowMs;
    // Set anew, so that the map's order is that of use.
    this.#buckets.delete(name);
    this.#forgetFull(nowMs);
    if (this.#buckets.size >= MAX_BUCKETS) this.#forgetOldest();
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #forgetFull(nowMs: number): void {
    for (const [name, bucket] of this.#buckets.entries().take(LOOKED_AT)) {
      if (tokensAt(bucket, nowMs) >= bucket.policy.burst) this.#buckets.delete(name);
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

function tokensAt({ tokens, atMs, policy }: Bucket, nowMs: number): number {
  const gained = Math.max(0, nowMs - atMs) * policy.perSecond / 1_000;
  return Math.min(policy.burst, tokens + gained);
}
