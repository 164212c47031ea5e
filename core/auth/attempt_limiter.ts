/**
 * A token bucket per address, for attempts at guessing: `burst` at once, then `perMinute`. Memory is bounded: with
 * MAX_ADDRESSES known, the one not seen for longest is forgotten.
 */
const MAX_ADDRESSES = 10_000;
const MAX_COUNTED = 10_000;
/** Of the sums of fractions below. */
const ROUNDING = 1e-6;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class AttemptLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();
  /** Digests that were counted already: a client that repeats one stale key does not guess. */
  readonly #counted = new Set<string>();

  constructor({ perMinute, burst }: { perMinute: number; burst: number }) {
    this.#perMs = perMinute / 60_000;
    this.#burst = burst;
  }

  /** Counts an attempt. Null when it may be made, else the seconds until the next one may (whole, at least 1). */
  take(address: string, nowMs: number): number | null {
    const key = bucketKeyOf(address);
    const known = this.#buckets.get(key);
    const tokens = known ? Math.min(this.#burst, known.tokens + (nowMs - known.atMs) * this.#perMs) : this.#burst;
    const isRefused = tokens < 1 - ROUNDING;
    this.#buckets.delete(key); // set again below: the map's order is that of last use
    this.#buckets.set(key, { tokens: isRefused ? tokens : tokens - 1, atMs: nowMs });
    const oldest = this.#buckets.size > MAX_ADDRESSES ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return isRefused ? Math.max(1, Math.ceil((1 - tokens) / this.#perMs / 1000 - ROUNDING)) : null;
  }

  /** Like `take`, but the same thing (by its digest) tried again is not counted again. */
  takeOnce(address: string, digest: string, nowMs: number): number | null {
    const what = `${bucketKeyOf(address)} ${digest}`;
    if (this.#counted.has(what)) return null;
    const refused = this.take(address, nowMs);
    if (refused !== null) return refused;
    this.#counted.add(what);
    const oldest = this.#counted.size > MAX_COUNTED ? this.#counted.values().next().value : undefined;
    if (oldest !== undefined) this.#counted.delete(oldest);
    return null;
  }

  /** Gives an attempt back that turned out to be right. */
  giveBack(address: string): void {
    const bucket = this.#buckets.get(bucketKeyOf(address));
    if (bucket) bucket.tokens = Math.min(this.#burst, bucket.tokens + 1);
  }

  get size(): number {
    return this.#buckets.size;
  }
}

/** IPv6 hosts own a /64: its first four groups. IPv4 written as IPv6 is the IPv4 address. */
export function bucketKeyOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]!.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array(zeros).fill("0"), ...last].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
