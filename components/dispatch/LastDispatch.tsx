/** The dispatch that was just asked for: its stages as they come. */
import { Alert } from "../Alert.tsx";
import { clock, splitDuration } from "../format.ts";
import { Icon } from "../Icon.tsx";
import { Panel } from "../Panel.tsx";
import { ShortId } from "../ShortId.tsx";
import { StageStrip } from "../StageStrip.tsx";
import { State } from "../State.tsx";
import { headlineOf } from "./headline.ts";
import { readyMs, type StageSpan, stageSpans } from "./stage_times.ts";
import type { DispatchView } from "./types.ts";

export function LastDispatch({ dispatch, usualReadyMs }: { dispatch: DispatchView; usualReadyMs: number | null }) {
  const spans = stageSpans(dispatch.stages);
  return (
    <Panel
      id="result"
      title="Last dispatch"
      isLive
      lead={
        <>
          <a class="link-quiet" href={`/dispatches/${dispatch.id}`}>
            <ShortId id={dispatch.id} />
          </a>
          <span class="text-muted">{dispatch.agent} in {dispatch.room}</span>
        </>
      }
      aside={<State state={dispatch.state} isChip />}
    >
      <div class="p-4">
        <p class="flex flex-wrap items-baseline gap-x-3">
          <Headline dispatch={dispatch} />
          {usualReadyMs !== null && (
            <span class="text-muted">usual for {dispatch.agent}: {splitText(usualReadyMs)}</span>
          )}
        </p>
        <StageStrip spans={spans} class="stages mt-4 h-3!" />
        <ol class="mt-3 grid grid-cols-2 gap-y-3 sm:grid-cols-5">
          <li class="pr-3">
            <span class="flex items-center gap-1.5 font-semibold">
              <Icon name="st-succeeded" class="size-3.5" />Accepted
            </span>
            <span class="block text-base">0</span>
            <span class="block text-xs text-muted">{clock(dispatch.stages.requestedAt)}</span>
          </li>
          {spans.map((span) => <StageItem key={span.key} span={span} />)}
        </ol>
      </div>
      {dispatch.failure && (
        <div class="border-t border-base-300">
          <Alert
            title={`The dispatch ${dispatch.state}`}
            detail={dispatch.failure.message}
            remedy={dispatch.failure.remedy}
          />
        </div>
      )}
      <p class="border-t border-base-300 px-4 py-3 text-muted">
        <a class="link-quiet" href={`/dispatches/${dispatch.id}`}>See its states, logs and metadata</a>
      </p>
    </Panel>
  );
}

function Headline({ dispatch }: { dispatch: DispatchView }) {
  const ms = readyMs(dispatch.stages);
  if (ms === null) return <span class="text-2xl font-bold">{headlineOf(dispatch)}</span>;
  const { figure, unit } = splitDuration(ms);
  return (
    <span class="text-2xl font-bold">
      Ready after {figure}
      <span class="unit text-lg">{unit}</span>
    </span>
  );
}

function StageItem({ span: { word, colour, atMs, at } }: { span: StageSpan }) {
  const parts = atMs === null ? null : splitDuration(atMs);
  return (
    <li class={atMs === null ? "pr-3 text-muted" : "pr-3"}>
      <span class="flex items-center gap-1.5 font-semibold">
        <i
          class="size-2.5 flex-none rounded-[2px]"
          style={`background: ${atMs === null ? "var(--color-base-300)" : colour}`}
        >
        </i>
        {word}
      </span>
      <span class="block text-base">
        {parts === null ? <span title="not reached">—</span> : (
          <>
            +{parts.figure}
            <span class="unit text-xs!">{parts.unit}</span>
          </>
        )}
      </span>
      <span class="block text-xs text-muted">{at === null ? "not yet" : clock(at)}</span>
    </li>
  );
}

function splitText(ms: number): string {
  const { figure, unit } = splitDuration(ms);
  return `${figure} ${unit}`;
}
