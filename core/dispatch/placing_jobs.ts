/** Jobs whose placing statement has no answer yet: the database may say that they are ours before we know it. */
export class PlacingJobs {
  readonly #ids = new Set<string>();

  has(jobId: string): boolean {
    return this.#ids.has(jobId);
  }

  list(): string[] {
    return [...this.#ids];
  }

  /** Runs the statement that places these jobs. */
  async during<Result>(jobIds: readonly string[], statement: () => Promise<Result>): Promise<Result> {
    for (const id of jobIds) this.#ids.add(id);
    try {
      return await statement();
    } finally {
      for (const id of jobIds) this.#ids.delete(id);
    }
  }
}
