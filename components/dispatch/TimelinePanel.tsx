import { duration } from "../format.ts";
import { Icon } from "../Icon.tsx";
import { Panel } from "../Panel.tsx";
import { glyphOf } from "../State.tsx";
import type { Timeline, TimelineLane, TimelineRow } from "./timeline.ts";
import { Time } from "../Time.tsx";

export function TimelinePanel({ timeline: { rows, lanes } }: { timeline: Timeline }) {
  return (
    <Panel
      id="states"
      title="States"
      aside={
        <span class="legend">
          {lanes.map(({ lane, colour, name }) => (
            <span key={lane}>
              <i class="key" style={`--k: ${colour}`}></i>
              {name}
            </span>
          ))}
        </span>
      }
    >
      <ol class="py-2">
        {rows.map((row, index) => <Row key={index} row={row} index={index} lanes={lanes} />)}
      </ol>
    </Panel>
  );
}

function Row({ row, index, lanes }: { row: TimelineRow; index: number; lanes: readonly TimelineLane[] }) {
  const own = lanes.find(({ lane }) => lane === row.lane);
  const passing = lanes.filter(({ first, last }) => first >= 0 && index >= first && index <= last);
  const since = row.sinceMs === null ? "" : row.at === null ? duration(row.sinceMs) : `+${duration(row.sinceMs)}`;
  return (
    <li class="tl">
      <span class="tl-rail" aria-hidden="true">
        {passing.filter(({ first, last }) => first !== last).map(({ lane, colour, first, last }) => (
          <i
            key={lane}
            class="tl-line"
            style={`--lane: ${lane}; --k: ${colour}`}
            data-part={index === first ? "start" : index === last ? "end" : undefined}
          >
          </i>
        ))}
        {row.isFork && <i class="tl-fork" style={`--lane: ${row.lane}; --k: ${own?.colour}`}></i>}
        <span class="tl-node" data-state={row.state} style={`--lane: ${row.lane}`}>
          <Icon name={glyphOf(row.state)} class="size-4" />
        </span>
      </span>
      <span class="id leading-5 text-muted">
        {row.at === null ? "now" : <Time at={row.at} shape="clock" />}
      </span>
      <span class="num text-xs leading-5 text-muted">{since}</span>
      <span class="min-w-0 wrap-anywhere">
        <b class="font-semibold">{row.title}</b> <span class="text-muted">{row.note}</span>
      </span>
    </li>
  );
}
