/** The call page of one dispatch: what became of it, live, and the talk with its agent. */
import { Alert } from "../components/Alert.tsx";
import { isOver } from "../components/dispatch/details.ts";
import { LastDispatch } from "../components/dispatch/LastDispatch.tsx";
import type { DispatchView } from "../components/dispatch/types.ts";
import { useLivePage } from "../components/live/use_live_page.ts";
import { Panel } from "../components/Panel.tsx";
import { State } from "../components/State.tsx";
import { TalkPanel } from "../components/talk/TalkPanel.tsx";

interface Props {
  initial: DispatchView;
  usualReadyMs: number | null;
  canOperate: boolean;
}

export default function TalkDesk({ initial, usualReadyMs, canOperate }: Props) {
  const { id, agent, room } = initial;
  const topics = isOver(initial) ? [] : [`dispatch:${id}`];
  const { data } = useLivePage(initial, `/api/v1/dispatches/${id}`, topics);
  return (
    <div class="mx-auto grid max-w-[56rem] grid-cols-[minmax(0,1fr)] gap-4">
      <h1 class="flex flex-wrap items-center gap-x-3 gap-y-1 text-xl font-bold wrap-anywhere">
        Talk to {agent} in {room}
        <span class="text-sm font-normal tracking-normal">
          <State state={data.state} isChip />
        </span>
      </h1>
      {canOperate
        // A page that came for an ended dispatch offers no call; a call that was begun stays until one leaves.
        ? isOver(initial)
          ? (
            <Panel id="talk" title="Talk to it">
              <Alert
                title={`The dispatch is over: ${data.state}`}
                detail="Its agent is not in the room any more."
                remedy="Dispatch it again, then talk to it."
              />
            </Panel>
          )
          : <TalkPanel target={{ dispatchId: id, agent, room }} />
        : (
          <Panel id="talk" title="Talk to it">
            <p class="p-4 text-muted">Your role is viewer: an operator can join rooms.</p>
          </Panel>
        )}
      <LastDispatch dispatch={data} usualReadyMs={usualReadyMs} title="Its dispatch" />
    </div>
  );
}
