import { duration, stopwatch } from "../format.ts";
import { readyMs, type StageSpan, stageSpans } from "../dispatch/stage_times.ts";
import { ShortId } from "../ShortId.tsx";
import { StageStrip } from "../StageStrip.tsx";
import { State } from "../State.tsx";
import { Unknown } from "../Unknown.tsx";
import { BOXES_FORM } from "./ListBar.tsx";
import { isEnded, type JobRow } from "./row.ts";
import { Time } from "../Time.tsx";

/** Wider strips are cut: one slow dispatch must not make all others invisible. */
const MAX_SCALE_MS = 2_000;
const MIN_SCALE_MS = 200;

interface Props {
  rows: readonly JobRow[];
  instanceNames: Record<string, string>;
  nowMs: number;
  selected: ReadonlySet<string>;
  /** Ids whose row changed just now. */
  changed: ReadonlySet<string>;
  /** Ids that no longer fit the filter: they stay where they are, dimmed. */
  departed: ReadonlySet<string>;
  onSelect: (ids: string[], isSelected: boolean) => void;
}

export function JobsTable({ rows, instanceNames, nowMs, selected, changed, departed, onSelect }: Props) {
  const spans = rows.map(({ stages }) => listSpans(stageSpans(stages)));
  const longest = Math.max(...spans.map((each) => each.reduce((sum, { lastedMs }) => sum + lastedMs, 0)), MIN_SCALE_MS);
  const isAll = rows.length > 0 && rows.every(({ id }) => selected.has(id));
  return (
    <div class="scroll-x relative" tabIndex={0} role="region" aria-label="Jobs table, scrolls sideways">
      <table class="grid-table">
        <thead>
          <tr>
            <th scope="col" class="w-8">
              <input
                type="checkbox"
                class="checkbox checkbox-xs noscript:hidden"
                aria-label={`Select all ${rows.length} shown jobs`}
                checked={isAll}
                onChange={(event) => onSelect(rows.map(({ id }) => id), event.currentTarget.checked)}
              />
            </th>
            <th scope="col">State</th>
            <th scope="col">Room</th>
            <th scope="col" class="max-md:hidden">Agent</th>
            <th scope="col" class="max-md:hidden">Dispatch</th>
            <th scope="col" class="num max-md:hidden">Tries</th>
            <th scope="col" class="w-36 max-lg:hidden">Call to ready</th>
            <th scope="col" class="num max-md:hidden">Ready in</th>
            <th scope="col" class="num">Lasted</th>
            <th scope="col" class="max-md:hidden">Outcome</th>
            <th scope="col" class="max-xl:hidden">Ran on</th>
            <th scope="col" class="num max-md:hidden">Asked</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <Row
              key={row.id}
              row={row}
              spans={spans[index] ?? []}
              scaleMs={Math.min(MAX_SCALE_MS, longest)}
              place={row.instanceId === null ? undefined : instanceNames[row.instanceId]}
              nowMs={nowMs}
              isSelected={selected.has(row.id)}
              isChanged={changed.has(row.id)}
              isDeparted={departed.has(row.id)}
              onSelect={(isSelected) => onSelect([row.id], isSelected)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  row: JobRow;
  spans: StageSpan[];
  scaleMs: number;
  place: string | undefined;
  nowMs: number;
  isSelected: boolean;
  isChanged: boolean;
  isDeparted: boolean;
  onSelect: (isSelected: boolean) => void;
}

function Row({ row, spans, scaleMs, place, nowMs, isSelected, isChanged, isDeparted, onSelect }: RowProps) {
  const { id, state, room, agent, attempts, stages, enteredAt } = row;
  const ready = readyMs(stages);
  const lastedMs = enteredAt === null ? null : Date.parse(stages.endedAt ?? new Date(nowMs).toISOString()) -
    Date.parse(enteredAt);
  return (
    <tr aria-selected={isSelected} class={isDeparted ? "opacity-60" : ""} data-id={id}>
      <td>
        <input
          type="checkbox"
          class="checkbox checkbox-xs"
          name="id"
          value={id}
          form={BOXES_FORM}
          aria-label={`Select ${id.slice(-8)}`}
          checked={isSelected}
          onChange={(event) => onSelect(event.currentTarget.checked)}
        />
      </td>
      <td>
        <span class={isChanged ? "changed" : ""}>
          <State state={state} />
        </span>
      </td>
      <td class="max-md:h-13! max-md:max-w-32 max-md:whitespace-normal!">
        <a class="row-link font-semibold" href={`/dispatches/${id}`}>
          <span class="inline-block max-w-56 truncate align-bottom" title={room}>{room}</span>
        </a>
        <span class="block truncate text-xs text-muted md:hidden">{agent}</span>
      </td>
      <td class="max-md:hidden">{agent}</td>
      <td class="max-md:hidden">
        <ShortId id={id} />
      </td>
      <td class="num max-md:hidden">
        <span class={attempts <= 1 ? "text-faint" : ""}>{attempts}</span>
      </td>
      <td class="max-lg:hidden">
        {spans.length > 0 && <StageStrip spans={spans} scaleMs={scaleMs} />}
      </td>
      <td class="num max-md:hidden">{ready === null ? <Unknown why="not ready" /> : duration(ready)}</td>
      <td class="num">{lastedMs === null ? <Unknown why="never entered" /> : stopwatch(lastedMs)}</td>
      <td
        class={`max-w-72 truncate max-md:hidden ${row.isFailure ? "text-failed" : ""}`}
        title={row.outcome ?? undefined}
      >
        {row.outcome ?? (isEnded(row)
          ? <Unknown why="no reason was recorded" />
          : <span class="text-faint">{waitWords(state, ready)}</span>)}
      </td>
      <td class="text-muted max-xl:hidden">{place ?? <Unknown why="not placed" />}</td>
      <td class="num text-muted max-md:hidden">
        <Time at={stages.requestedAt} nowMs={nowMs} />
      </td>
    </tr>
  );
}

function waitWords(state: string, ready: number | null): string {
  if (state === "queued") return "waits for a slot";
  return ready === null ? "starting" : "in the call";
}

/** In the list, all time before a slot is waiting, and starting is grey. */
function listSpans(spans: StageSpan[]): StageSpan[] {
  return spans.filter(({ atMs }) => atMs !== null).map((span) =>
    span.key === "placed"
      ? { ...span, isWait: true }
      : span.key === "entered"
      ? { ...span, colour: "var(--chart-6)" }
      : span
  );
}
