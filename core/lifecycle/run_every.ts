/** Runs `task` again and again, `everyMs` apart, until `signal` aborts; a failure goes to `onError` and never ends the loop. */
import { abortableWait } from "./supervisor.ts";

export async function runEvery(
  { everyMs, signal, task, onError }: {
    everyMs: number;
    signal: AbortSignal;
    task: () => Promise<unknown> | void;
    onError: (error: unknown) => void;
  },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await task();
    } catch (error) {
      onError(error);
    }
    await abortableWait(everyMs, signal);
  }
}
