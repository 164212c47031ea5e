/**
 * The browser's one connection for live events: islands subscribe to topics, all share one EventSource.
 *
 *   connecting → live ⇄ reconnecting → stale (no connection for STALE_AFTER_MS)
 *
 * EventSource reconnects by itself and resumes by Last-Event-ID; a closed one (refused, or the tab was hidden) is opened
 * anew with a growing delay. A hidden tab holds no connection; when it is seen again, subscribers get `caught_up` and fetch.
 */
import { signal } from "@preact/signals";

export interface LiveEvent {
  /** `dispatch`, `stage`, `state`, `log`, `end`, `fleet`, `load`, `rooms`, `counts`; `hello`, `gap` and `caught_up`: fetch anew what is shown. */
  name: string;
  data: unknown;
}

export type LiveState = "connecting" | "live" | "reconnecting" | "stale";

/** In the browser only; on the server it keeps its first value. */
export const liveState = signal<{ state: LiveState; lastSignMs: number | null }>({
  state: "connecting",
  lastSignMs: null,
});

const EVENT_NAMES = [
  "hello",
  "gap",
  "dispatch",
  "stage",
  "state",
  "log",
  "end",
  "fleet",
  "load",
  "rooms",
  "counts",
  "beat",
];
const STALE_AFTER_MS = 15_000;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 15_000;
/** Islands start one after another: their topics go into one connection. */
const GATHER_MS = 20;

interface Subscriber {
  topics: readonly string[];
  receive: (event: LiveEvent) => void;
}

const subscribers = new Set<Subscriber>();
let source: EventSource | null = null;
let openTopics = "";
let retryMs = MIN_RETRY_MS;
let openTimer: ReturnType<typeof setTimeout> | undefined;
let staleTimer: ReturnType<typeof setTimeout> | undefined;
let isListeningToVisibility = false;

/** Calls `receive` for every event of the topics until the returned function is called. */
export function subscribe(topics: readonly string[], receive: (event: LiveEvent) => void): () => void {
  const subscriber = { topics, receive };
  subscribers.add(subscriber);
  listenToVisibility();
  openSoon(GATHER_MS);
  return () => {
    subscribers.delete(subscriber);
    openSoon(GATHER_MS);
  };
}

function openSoon(delayMs: number): void {
  clearTimeout(openTimer);
  openTimer = setTimeout(open, delayMs);
}

function open(): void {
  const topics = [...new Set([...subscribers].flatMap((subscriber) => subscriber.topics))].sort().join(",");
  if (topics === openTopics && source !== null && source.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = null;
  openTopics = topics;
  if (topics === "" || document.hidden) return;
  const opened = new EventSource(`/api/v1/events?topics=${encodeURIComponent(topics)}`);
  source = opened;
  opened.onopen = () => {
    retryMs = MIN_RETRY_MS;
    isAlive();
  };
  opened.onerror = () => {
    isLost();
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    openSoon(retryMs);
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
  };
  for (const name of EVENT_NAMES) {
    opened.addEventListener(name, (event) => {
      isAlive();
      if (name !== "beat") deliver({ name, data: parse(event.data) });
    });
  }
}

function deliver(event: LiveEvent): void {
  for (const subscriber of [...subscribers]) subscriber.receive(event);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // A broken event still says that something changed: receivers fetch what they show.
  }
}

function isAlive(): void {
  clearTimeout(staleTimer);
  staleTimer = undefined;
  liveState.value = { state: "live", lastSignMs: Date.now() };
}

function isLost(): void {
  if (liveState.value.state === "stale") return;
  liveState.value = { ...liveState.value, state: "reconnecting" };
  staleTimer ??= setTimeout(() => liveState.value = { ...liveState.value, state: "stale" }, STALE_AFTER_MS);
}

function listenToVisibility(): void {
  if (isListeningToVisibility) return;
  isListeningToVisibility = true;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(openTimer);
      source?.close();
      source = null;
      return;
    }
    openSoon(0);
    deliver({ name: "caught_up", data: null });
  });
}
