/**
 * What an error says about trying again. `retryable`: the agent threw RetryableError · `fatal`: FatalError ·
 * `validation`: ValidationError, what was handed in is wrong · `network`: by name or code a network error ·
 * `unknown`: anything else, so the agent's recovery policy decides. Pure.
 */
export const FAILURE_CLASSES = ["retryable", "fatal", "validation", "network", "unknown"] as const;
export type FailureClass = typeof FAILURE_CLASSES[number];

const ADVICE: Record<FailureClass, string> = {
  retryable: "Try again: the agent says that the same work may succeed later.",
  fatal: "Do not try again: the agent says that it is pointless.",
  validation: "Try again only with other input: what was handed in is wrong.",
  network: "Try again: errors of the network usually pass.",
  unknown: "Nothing is known about another try: read the error first.",
};

/** Whether to try again, as a sentence for people. */
export function adviceOf(failureClass: FailureClass, retryAfterMs: number | null): string {
  const least = retryAfterMs === null || retryAfterMs === 0 ? "" : ` At the earliest after ${retryAfterMs / 1_000} s.`;
  return ADVICE[failureClass] + least;
}

export function isFailureClass(text: string | null): text is FailureClass {
  return FAILURE_CLASSES.some((each) => each === text);
}
