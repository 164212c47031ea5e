/** Generous: it is only reached by what never comes true, and a busy machine is slow. */
export const PATIENCE_MS = 30_000;

/** Polls until `probe` gives a truthy value; throws with `what` and the last value or error when the time is over. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { withinMs = PATIENCE_MS, everyMs = 20, what = "condition" }: { withinMs?: number; everyMs?: number; what?: string } =
    {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value as NonNullable<T>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what} did not come true within ${withinMs} ms; last: ${Deno.inspect(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
