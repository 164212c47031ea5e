/** A wait that can be cut short: `wait` resolves after `ms`, on `ring`, or when `signal` aborts, whichever is first. */
export class Alarm {
  #finish: () => void = () => {};
  #hasRung = false;

  /** Ends the present wait; rung while nobody waits, it makes the next wait resolve at once. */
  ring(): void {
    this.#hasRung = true;
    this.#finish();
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        this.#finish = () => {};
        this.#hasRung = false;
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal.addEventListener("abort", finish);
      this.#finish = finish;
      if (signal.aborted || this.#hasRung) finish();
    });
  }
}
