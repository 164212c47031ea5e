import { Alarm } from "./alarm.ts";

/**
 * Runs `task` again and again, `everyMs` apart or as soon as `alarm` rings, until `signal` aborts; a failure goes to
 * `onError` and never ends the loop.
 */
export async function runEvery(
  { everyMs, signal, task, onError, alarm = new Alarm() }: {
    everyMs: number;
    alarm?: Alarm;
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
    await alarm.wait(everyMs, signal);
  }
}
