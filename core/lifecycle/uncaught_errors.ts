/**
 * Errors that nothing caught: rejections without a handler, and what a timer or a listener threw. Each of them would end the
 * process, and with it every call of this instance; so once `reportUncaught` was called they are logged and counted instead.
 * Code that runs other people's code in this process (an inline agent) says first whether an error is its own.
 */
import type { Logger } from "./logger.ts";

export interface UncaughtErrors {
  count: number;
  /** Of the last one; null: there was none. What it says is for the log only, which takes secrets out. */
  lastAtMs: number | null;
}

/** True: it was mine, and I have told whom it concerns. */
export type Claim = (error: unknown) => boolean;

/** So many are logged, then one of so many: one that comes again and again shall not fill the disk. */
const LOGGED_FIRST = 20;
const LOGGED_EVERY = 100;

const claims = new Set<Claim>();
const seen: UncaughtErrors = { count: 0, lastAtMs: null };
let report: ((error: unknown) => void) | null = null;
let isListening = false;

/** Asks `claim` about each error from now on, until the function that is returned is called. */
export function claimUncaught(claim: Claim): () => void {
  listen();
  claims.add(claim);
  return () => void claims.delete(claim);
}

/** From now on an error that nobody claims is logged and counted, and the process goes on. */
export function reportUncaught(logger: Logger, nowMs: () => number = Date.now): void {
  report = (error) => {
    seen.count++;
    seen.lastAtMs = nowMs();
    const { count } = seen;
    if (count > LOGGED_FIRST && count % LOGGED_EVERY !== 0) return;
    logger.error("an error that nothing caught: Greenroom goes on, but please report it", { count, error });
  };
  listen();
}

/** Since the start of the process. */
export function uncaughtErrors(): Readonly<UncaughtErrors> {
  return seen;
}

function listen(): void {
  if (isListening) return;
  isListening = true;
  globalThis.addEventListener("unhandledrejection", (event) => settle(event, event.reason));
  globalThis.addEventListener("error", (event) => settle(event, event.error));
}

function settle(event: Event, error: unknown): void {
  const isClaimed = [...claims].some((claim) => claim(error));
  if (!isClaimed && report === null) return;
  event.preventDefault();
  if (!isClaimed) report?.(error);
}
