/** The page of one dispatch, live: everything about it, and what can be done. */
import { Actions } from "../components/dispatch/Actions.tsx";
import { AnswerPanel } from "../components/dispatch/AnswerPanel.tsx";
import { AttemptsPanel } from "../components/dispatch/AttemptsPanel.tsx";
import { type DispatchDetails, isOver } from "../components/dispatch/details.ts";
import { ExplainPanel } from "../components/dispatch/ExplainPanel.tsx";
import { FactsPanel } from "../components/dispatch/FactsPanel.tsx";
import { LogsPanel } from "../components/dispatch/LogsPanel.tsx";
import { MetadataPanel } from "../components/dispatch/MetadataPanel.tsx";
import { ProfilePanel } from "../components/dispatch/ProfilePanel.tsx";
import { readyMs } from "../components/dispatch/stage_times.ts";
import { timelineOf } from "../components/dispatch/timeline.ts";
import { TimelinePanel } from "../components/dispatch/TimelinePanel.tsx";
import { waterfallOf } from "../components/dispatch/waterfall.ts";
import { WaterfallPanel } from "../components/dispatch/WaterfallPanel.tsx";
import { duration, plural } from "../components/format.ts";
import { useLivePage, useNow } from "../components/live/use_live_page.ts";
import { ShortId } from "../components/ShortId.tsx";
import { State } from "../components/State.tsx";
import { Time } from "../components/Time.tsx";

interface Props {
  initial: DispatchDetails;
  csrf: string;
  canOperate: boolean;
  canProfile: boolean;
}

export default function DispatchStory({ initial, csrf, canOperate, canProfile }: Props) {
  const { id } = initial.dispatch;
  const topics = isOver(initial.dispatch) ? [] : [`dispatch:${id}`];
  const { data, refresh } = useLivePage(initial, `/dispatches/${id}?as=data`, topics);
  const nowMs = useNow(Date.parse(initial.now));
  const { dispatch } = data;
  const ready = readyMs(dispatch.stages);
  const running = dispatch.jobs.findLast((job) => job.state === "running");
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <div class="flex flex-wrap items-start gap-x-6 gap-y-3">
        <div class="min-w-0">
          <h1 class="flex flex-wrap items-center gap-x-3 gap-y-1 text-xl font-bold wrap-anywhere">
            {dispatch.agent} in {dispatch.room}
            <span class="text-sm font-normal tracking-normal">
              <State state={dispatch.state} isChip />
            </span>
          </h1>
          <p class="mt-1 text-muted">
            {plural(dispatch.jobs.length, "attempt")} · asked <Time at={dispatch.createdAt} nowMs={nowMs} /> · dispatch
            {" "}
            <ShortId id={dispatch.id} />
          </p>
        </div>
        {canOperate && <Actions dispatch={dispatch} csrf={csrf} onChange={refresh} />}
      </div>
      <AnswerPanel details={data} />
      <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_25rem]">
        <div class="grid min-w-0 gap-4">
          <AttemptsPanel details={data} nowMs={nowMs} />
          <ExplainPanel explanation={data.explanation} />
          <TimelinePanel timeline={timelineOf(data, nowMs)} />
          <WaterfallPanel
            waterfall={waterfallOf(data)}
            note={ready === null ? "not ready" : `ran up to ready in ${duration(ready)}`}
          />
          <LogsPanel details={data} isLive={!isOver(dispatch)} />
        </div>
        <div class="grid min-w-0 items-start gap-4 lg:max-xl:grid-cols-2">
          <FactsPanel details={data} />
          <MetadataPanel metadata={dispatch.metadata} />
          {canProfile && running && <ProfilePanel job={running} csrf={csrf} />}
        </div>
      </div>
    </div>
  );
}
