/** The dispatch that was just asked for: its stages as they come. */
import { Alert } from "../Alert.tsx";
import { splitDuration } from "../format.ts";
import { Icon } from "../Icon.tsx";
import { Panel } from "../Panel.tsx";
import { ShortId } from "../ShortId.tsx";
import { StageStrip } from "../StageStrip.tsx";
import { State } from "../State.tsx";
import { isOver } from "./details.ts";
import { headlineOf } from "./headline.ts";
import { readyMs, type StageSpan, stageSpans } from "./stage_times.ts";
import type { DispatchView } from "./types.ts";
import { Time } from "../Time.tsx";

interface Props {
  dispatch: DispatchView;
  usualReadyMs: number | null;
  title?: string;
  /** Offers to talk to the agent while it is there. */
  onTalk?: (() => void) | undefined;
}

export function LastDispatch({ dispatch, usualReadyMs, title = "Last dispatch", onTalk }: Props) {
  const spans = stageSpans(dispatch.stages);
  return (
    <Panel
      id="result"
      title={title}
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
            <span class="block text-xs text-muted">
              <Time at={dispatch.stages.requestedAt} shape="clock" />
            </span>
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
      <div class="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-base-300 px-4 py-3">
        <a class="link-quiet" href={`/dispatches/${dispatch.id}`}>See its states, logs and metadata</a>
        {onTalk && !isOver(dispatch) && (
          <a
            class="btn btn-quiet btn-sm ml-auto"
            href={`/dispatches/${dispatch.id}/talk`}
            onClick={(event) => {
              event.preventDefault();
              onTalk();
            }}
          >
            <Icon name="i-mic" />
            Talk to it
          </a>
        )}
      </div>
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
      <span class="block text-xs text-muted">{at === null ? "not yet" : <Time at={at} shape="clock" />}</span>
    </li>
  );
}

function splitText(ms: number): string {
  const { figure, unit } = splitDuration(ms);
  return `${figure} ${unit}`;
}
