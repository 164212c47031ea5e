/** Talk to a dispatch's agent from this page: both voices, what is sent in the room, and the way out. For islands. */
import { useEffect } from "preact/hooks";
import { Alert } from "../Alert.tsx";
import { duration, splitDuration, stopwatch } from "../format.ts";
import { Icon } from "../Icon.tsx";
import { useNow } from "../live/use_live_page.ts";
import { Panel } from "../Panel.tsx";
import { Unknown } from "../Unknown.tsx";
import { LevelMeter } from "./LevelMeter.tsx";
import { RoomLog, SendForm } from "./RoomLog.tsx";
import type { CallView, TalkTarget } from "./types.ts";
import { type Answers, type CallControl, useCall } from "./use_call.ts";

interface Props {
  target: TalkTarget;
  /** Joins at once: the reader has just asked for it. */
  joinsAtOnce?: boolean;
}

export function TalkPanel({ target, joinsAtOnce = false }: Props) {
  const control = useCall(target);
  const { call } = control;
  useEffect(() => {
    if (joinsAtOnce) control.join();
  }, []);
  if (call.phase === "in_room") return <InRoom target={target} view={call.view} control={control} />;
  return (
    <Panel id="talk" title="Talk to it" lead={<span class="truncate text-muted">{target.agent} in {target.room}</span>}>
      {call.phase === "failed" && <Alert {...call.problem} />}
      <div class="grid justify-items-start gap-3 p-4" aria-live="polite">
        {call.phase === "joining" ? <p>Joining {target.room}…</p> : (
          <p class="text-muted">
            {call.phase === "left" && <b class="font-semibold text-base-content">{call.words}</b>}{" "}
            You join the room with this browser's microphone, hear who is there, and they hear you.
          </p>
        )}
        {call.phase === "joining"
          ? <button key="stop" type="button" class="btn btn-quiet btn-sm" onClick={control.leave}>Stop joining</button>
          : (
            <button key="join" type="button" class="btn btn-primary btn-sm noscript:hidden" onClick={control.join}>
              <Icon name="i-mic" />
              {call.phase === "idle" ? "Join the room" : call.phase === "left" ? "Join again" : "Try again"}
            </button>
          )}
        <p class="hidden text-muted noscript:block">This needs JavaScript: the browser itself joins the room.</p>
      </div>
      {call.phase === "left" && control.lines.length > 0 && (
        <div class="border-t border-base-300">
          <RoomLog lines={control.lines} />
        </div>
      )}
    </Panel>
  );
}

function InRoom({ target, view, control }: { target: TalkTarget; view: CallView; control: CallControl }) {
  const nowMs = useNow(view.joinedAtMs);
  const trip = view.roundTripMs === null ? "" : `round trip ${duration(view.roundTripMs)} · `;
  return (
    <Panel
      id="talk"
      title="Talk to it"
      lead={<span class="truncate text-muted">you are in {target.room} as {view.identity}</span>}
      aside={
        <span title="To the LiveKit server and back; time in the room">{trip}{stopwatch(nowMs - view.joinedAtMs)}</span>
      }
    >
      {view.microphone.problem && <Alert {...view.microphone.problem} />}
      <div class="grid divide-base-300 max-sm:divide-y sm:grid-cols-2 sm:divide-x">
        <AgentSide target={target} view={view} answers={control.answers} levelDb={control.agentDb} />
        <OwnSide view={view} control={control} />
      </div>
      <div class="border-t border-base-300">
        <RoomLog lines={control.lines} />
        <SendForm send={control.send} />
      </div>
    </Panel>
  );
}

function AgentSide(
  { target, view, answers, levelDb }: {
    target: TalkTarget;
    view: CallView;
    answers: Answers;
    levelDb: CallControl["agentDb"];
  },
) {
  const { words, tone } = agentWords(view, answers.isAgentSpeaking);
  return (
    <div class="min-w-0 p-4">
      <div class="flex items-baseline gap-2">
        <h3 class="truncate font-semibold">{target.agent}</h3>
        <span class={tone}>{words}</span>
      </div>
      <div class="mt-3">
        <LevelMeter label="Agent audio level" colour="var(--st-served-fill)" levelDb={levelDb} />
      </div>
      <dl class="mt-4 grid grid-cols-2 gap-4">
        <Stat label="Answers after, p50" ms={answers.figures?.medianMs ?? null} />
        <Stat label="Longest pause" ms={answers.figures?.longestMs ?? null} />
      </dl>
    </div>
  );
}

function Stat({ label, ms }: { label: string; ms: number | null }) {
  const parts = ms === null ? null : splitDuration(ms);
  return (
    <div>
      <dt class="stat-label">{label}</dt>
      <dd class="stat-value">
        {parts === null ? <Unknown why="you have not spoken and been answered yet" /> : (
          <>
            {parts.figure}
            <span class="unit">{parts.unit}</span>
          </>
        )}
      </dd>
    </div>
  );
}

function OwnSide({ view, control }: { view: CallView; control: CallControl }) {
  const { microphone } = view;
  const isOn = microphone.state === "on";
  return (
    <div class="min-w-0 p-4">
      <div class="flex items-baseline gap-2">
        <h3 class="font-semibold">You</h3>
        <span class="truncate text-muted" aria-live="polite">
          {view.isReconnecting ? "reconnecting…" : microphoneWords(microphone)}
        </span>
      </div>
      <div class="mt-3">
        <LevelMeter label="Your microphone level" colour="var(--chart-1)" levelDb={control.ownDb} />
      </div>
      <div class="mt-5 flex flex-wrap gap-2">
        <button
          type="button"
          class="btn btn-quiet btn-sm"
          disabled={microphone.state === "asking"}
          onClick={() => control.setMicrophone(!isOn)}
        >
          <Icon name={isOn ? "i-micoff" : "i-mic"} />
          {isOn ? "Mute" : "Unmute"}
        </button>
        {view.isSoundBlocked && (
          <button type="button" class="btn btn-primary btn-sm" onClick={control.startSound}>Play sound</button>
        )}
        <button type="button" class="btn btn-danger btn-sm" onClick={control.leave}>Leave room</button>
      </div>
      <p class="mt-2 text-xs text-muted">
        When nobody else is there, LiveKit closes the room soon after you leave, and the job ends.
      </p>
    </div>
  );
}

function microphoneWords({ state, label }: CallView["microphone"]): string {
  if (state === "asking") return "the browser asks whether this page may listen";
  if (state === "off") return "microphone off";
  return label === null || label === "" ? "microphone on" : `microphone on, ${label}`;
}

function agentWords({ agent, hasAgentLeft }: CallView, isSpeaking: boolean): { words: string; tone: string } {
  if (agent === null) return { words: hasAgentLeft ? "has left the room" : "not in the room yet", tone: "text-muted" };
  const attempt = agent.attempt !== null && agent.attempt > 1 ? `, attempt ${agent.attempt}` : "";
  if (isSpeaking) return { words: `speaking${attempt}`, tone: "text-served font-semibold" };
  return agent.isReady
    ? { words: `ready${attempt}`, tone: "text-served" }
    : { words: `in the room, not ready yet${attempt}`, tone: "text-placed" };
}
