/** The Overview's one sentence: the worst true thing, else that all is well. Pure. */
import { count, duration, plural } from "../format.ts";
import type { Overview } from "./types.ts";

export interface Verdict {
  state: "served" | "attention" | "failed";
  title: string;
  text: string;
  /** Where to look; null: nowhere in particular. */
  link: { href: string; words: string } | null;
}

/** Less is a burst that resolves itself. */
const WAIT_WORTH_SAYING_MS = 3_000;

export function verdictOf({ problems, queue, liveCalls, headroom }: Overview): Verdict {
  const { depth, oldestWaitMs, isCapped } = queue;
  const worst = problems.find(({ severity }) => severity === "error");
  if (worst) return { state: "failed", title: worst.message, text: worst.remedy, link: null };
  if (depth > 0 && (oldestWaitMs ?? 0) >= WAIT_WORTH_SAYING_MS) {
    return {
      state: "attention",
      title: `${isCapped ? `${depth}+ rooms wait` : plural(depth, "room waits", "rooms wait")} for an agent`,
      text: `The oldest has waited ${duration(oldestWaitMs ?? 0)}. ${
        headroom.calls === 0 ? "No slot is free: end calls, raise the limit or start an instance." : ""
      }`.trim(),
      link: { href: "/jobs?q=state%3Aqueued", words: "See who waits" },
    };
  }
  if (headroom.calls === 0) {
    return {
      state: "attention",
      title: "No more calls fit",
      text: "All slots are taken; the next call waits for one to end.",
      link: { href: "/workers", words: "See the slots" },
    };
  }
  const title = liveCalls === 0
    ? "Ready, and no call is running"
    : liveCalls === 1
    ? "The 1 call is served"
    : `All ${count(liveCalls)} calls are served`;
  return { state: "served", title, text: "Nobody waits for an agent.", link: null };
}
