/**
 * Answers that many viewers ask for and that may be a little old: each is read once for all of them.
 *
 *   age < freshMs            the kept answer
 *   freshMs ≤ age < staleMs  the kept answer at once, while one read renews it for those who ask next
 *   older, or none           one read, for which all who ask wait
 *
 * A failed read is told to those who wait for it, and is never kept; a failed renewal leaves the kept answer to get old.
 */
export interface KeepFor {
  freshMs: number;
  /** Not below `freshMs`. */
  staleMs: number;
}

interface Kept<T> {
  answer: Promise<T>;
  readAtMs: number;
  isRenewing: boolean;
}

export class KeptReads<T> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #maxKeys: number;
  readonly #nowMs: () => number;

  /** @param options.maxKeys answers kept at once; the one that was read first goes first. */
  constructor({ maxKeys, nowMs = () => performance.now() }: { maxKeys: number; nowMs?: () => number }) {
    this.#maxKeys = maxKeys;
    this.#nowMs = nowMs;
  }

  /** `key` must name everything that the answer depends on. */
  read(key: string, load: () => Promise<T>, { freshMs, staleMs }: KeepFor): Promise<T> {
    const kept = this.#kept.get(key);
    const ageMs = kept ? this.#nowMs() - kept.readAtMs : Infinity;
    if (!kept || ageMs >= Math.max(staleMs, freshMs)) return this.#load(key, load);
    if (ageMs >= freshMs && !kept.isRenewing) this.#renew(key, kept, load);
    return kept.answer;
  }

  #load(key: string, load: () => Promise<T>): Promise<T> {
    const answer = load();
    const entry: Kept<T> = { answer, readAtMs: this.#nowMs(), isRenewing: false };
    this.#put(key, entry);
    answer.catch(() => this.#kept.get(key) === entry && this.#kept.delete(key));
    return answer;
  }

  #renew(key: string, kept: Kept<T>, load: () => Promise<T>): void {
    kept.isRenewing = true;
    const readAtMs = this.#nowMs();
    load().then((value) => {
      if (this.#kept.get(key) === kept) this.#put(key, { answer: Promise.resolve(value), readAtMs, isRenewing: false });
    }, () => {
      // Told when the kept answer has got too old: then somebody waits for a read and sees it fail.
      kept.isRenewing = false;
    });
  }

  #put(key: string, entry: Kept<T>): void {
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#maxKeys) return;
      this.#kept.delete(oldest);
    }
  }
}
