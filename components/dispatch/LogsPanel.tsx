/** Output of all attempts; follows the end while asked to. Filters work in the browser. */
import { useEffect, useRef, useState } from "preact/hooks";
import { FilterButtons } from "../FilterButtons.tsx";
import { Panel } from "../Panel.tsx";
import type { DispatchDetails, LogLineView } from "./details.ts";
import { Time } from "../Time.tsx";

type Filter = "all" | "warn" | "error";
const LEVEL_COLOURS = {
  debug: "text-faint",
  info: "text-faint",
  warn: "font-semibold text-expired",
  error: "font-semibold text-failed",
};

export function LogsPanel(
  { details: { logs, isLogCut, droppedLogLines }, isLive }: { details: DispatchDetails; isLive: boolean },
) {
  const [filter, setFilter] = useState<Filter>("all");
  const [isFollowing, setFollowing] = useState(true);
  const region = useRef<HTMLDivElement>(null);
  const shown = logs.filter(({ level }) => filter === "all" || level === filter);
  useEffect(() => {
    if (isLive && isFollowing && region.current) region.current.scrollTop = region.current.scrollHeight;
  }, [logs.length, isFollowing, isLive]);
  const number = (level: string) => logs.filter((line) => line.level === level).length;
  const filters = [["all", "All"], ["warn", `Warnings ${number("warn")}`], [
    "error",
    `Errors ${number("error")}`,
  ]] as const;
  return (
    <Panel
      id="logs"
      title="Logs"
      class="panel overflow-hidden"
      lead={
        <FilterButtons label="Level" class="noscript:hidden" options={filters} value={filter} onChange={setFilter} />
      }
      aside={isLive && (
        <label class="flex items-center gap-2 noscript:hidden">
          <input
            type="checkbox"
            class="toggle toggle-xs"
            checked={isFollowing}
            onChange={(event) => setFollowing(event.currentTarget.checked)}
          />Follow
        </label>
      )}
    >
      <div
        ref={region}
        class="max-h-[32rem] overflow-y-auto py-2"
        role="log"
        aria-label="Logs of all attempts"
        aria-live={isLive && isFollowing ? "polite" : "off"}
        tabIndex={0}
      >
        {isLogCut && (
          <p class="px-4 py-1 text-xs text-muted">Older lines are not shown; GET /api/v1/jobs/…/logs has them.</p>
        )}
        {shown.map((line) => <Line key={line.id} line={line} />)}
        {shown.length === 0 && (
          <p class="px-4 py-2 text-muted">
            {logs.length === 0 ? "Nothing was written." : "The filter hides all lines."}
          </p>
        )}
        {droppedLogLines > 0 && (
          <p class="px-4 py-1 text-xs text-expired">
            {droppedLogLines} lines were not kept: more than the limit of one job.
          </p>
        )}
      </div>
    </Panel>
  );
}

function Line({ line: { at, attempt, level, message } }: { line: LogLineView }) {
  return (
    <div class="log" data-level={level}>
      <Time at={at} shape="clock" class="text-muted" />
      <span class="text-faint" title={`Attempt ${attempt}`}>#{attempt}</span>
      <span class={LEVEL_COLOURS[level]}>{level}</span>
      <span class="whitespace-pre-wrap">{message}</span>
    </div>
  );
}
