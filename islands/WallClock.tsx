/** The time that all times on the page are in. */
import { useNow } from "../components/live/use_live_page.ts";

export default function WallClock({ now }: { now: string }) {
  const time = new Date(useNow(Date.parse(now))).toISOString().slice(11, 19);
  return (
    <span class="hidden text-xs text-muted lg:inline" title="Times are in UTC">
      {time} <span class="text-faint">UTC</span>
    </span>
  );
}
