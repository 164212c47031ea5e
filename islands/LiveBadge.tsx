/** Says whether the page is live; what it shows may be old when it is not. */
import { useEffect } from "preact/hooks";
import { liveState, subscribe } from "../components/live/event_stream.ts";
import { useNow } from "../components/live/use_live_page.ts";
import { duration } from "../components/format.ts";

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", stale: "Stale" };
const STATES = { connecting: "unknown", live: "live", reconnecting: "reconnecting", stale: "stale" };

export default function LiveBadge() {
  const { state, lastSignMs } = liveState.value;
  const nowMs = useNow(0);
  useEffect(() => subscribe(["fleet"], () => {}), []);
  const age = lastSignMs === null || nowMs === 0 ? null : duration(Math.max(0, nowMs - lastSignMs));
  const title = state === "live"
    ? "Server events arrive"
    : state === "connecting"
    ? "The page becomes live when its script runs"
    : `No events${age === null ? "" : ` for ${age}`}: what is shown may be old`;
  return (
    <span class="state state-chip h-7 text-xs noscript:hidden" data-state={STATES[state]} title={title}>
      <span class="size-2 rounded-full bg-current" aria-hidden="true"></span>
      {WORDS[state]}
      {age !== null && state !== "live" && <span class="hidden font-normal text-muted sm:inline">{age}</span>}
    </span>
  );
}
