/** The time that all times on the page are in; pressing it changes between UTC and this machine's own zone. */
import { useEffect } from "preact/hooks";
import { clock, zoneName } from "../components/format.ts";
import { keepZone, readKeptZone, timeZone } from "../components/live/time_zone.ts";
import { useNow } from "../components/live/use_live_page.ts";
import { patchTimes } from "../components/Time.tsx";

export default function WallClock({ now }: { now: string }) {
  const zone = timeZone.value;
  const at = new Date(useNow(Date.parse(now)));
  useEffect(() => void (timeZone.value = readKeptZone()), []);
  useEffect(() => patchTimes(document, zone), [zone]);
  const other = zone === "utc" ? "local" : "utc";
  return (
    <button
      type="button"
      class="btn btn-ghost btn-sm hidden px-1.5 text-xs font-normal text-muted lg:inline-flex"
      title={zone === "utc" ? "Times are in UTC. Show this machine's local time" : "Times are local. Show UTC"}
      aria-pressed={zone === "local"}
      onClick={() => keepZone(other)}
    >
      {clock(at, zone).slice(0, 8)} <span class="text-faint">{zoneName(at, zone)}</span>
    </button>
  );
}
