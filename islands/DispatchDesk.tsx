/**
 * The Dispatch page: the form, and what became of the last one. Without JavaScript it is a plain POST to /dispatch; with it,
 * the same request goes to REST and the stages stream in.
 */
import { useEffect, useState } from "preact/hooks";
import { Alert, type AlertText } from "../components/Alert.tsx";
import { CopyButton } from "../components/CopyButton.tsx";
import {
  type AgentChoice,
  bodyOf,
  curlOf,
  type FormValues,
  initialFields,
  NO_WISHES,
  type RoomChoice,
} from "../components/dispatch/form_values.ts";
import { AgentField } from "../components/dispatch/AgentField.tsx";
import { LastDispatch } from "../components/dispatch/LastDispatch.tsx";
import { MetadataFields } from "../components/dispatch/MetadataFields.tsx";
import { type FieldError, fieldsOf } from "../components/dispatch/metadata_schema.ts";
import { readRecent, type RecentPayload, storeRecent, withRecent } from "../components/dispatch/recent_payloads.ts";
import { RecentPayloads } from "../components/dispatch/RecentPayloads.tsx";
import { RoomField } from "../components/dispatch/RoomField.tsx";
import { ParticipantField, WhenFields } from "../components/dispatch/WishFields.tsx";
import type { DispatchView } from "../components/dispatch/types.ts";
import { Empty } from "../components/Empty.tsx";
import { timeZone } from "../components/live/time_zone.ts";
import { useLivePage } from "../components/live/use_live_page.ts";
import { write } from "../components/live/write.ts";
import { Panel } from "../components/Panel.tsx";
import { Segmented } from "../components/Segmented.tsx";
import { TalkPanel } from "../components/talk/TalkPanel.tsx";
import type { TalkTarget } from "../components/talk/types.ts";

export interface DispatchDeskProps {
  agents: AgentChoice[];
  rooms: RoomChoice[];
  initial: FormValues;
  errors: FieldError[];
  problem: AlertText | null;
  dispatch: DispatchView | null;
  csrf: string;
  canOperate: boolean;
}

const options = (values: string[]) => values.map((value) => ({ value, label: value }));
const PRIORITIES = [{ value: "", label: "own" }, ...options(["urgent", "high", "normal", "low"])];
const PLACEMENTS = [{ value: "direct", label: "direct" }, { value: "livekit", label: "LiveKit" }];

export default function DispatchDesk(props: DispatchDeskProps) {
  const [values, setValues] = useState(props.initial);
  const [errors, setErrors] = useState(props.errors);
  const [problem, setProblem] = useState(props.problem);
  const [dispatch, setDispatch] = useState(props.dispatch);
  const [isSending, setSending] = useState(false);
  const { recent, keep, clear } = useRecentPayloads();
  // Apart from the last dispatch: another one may be made while one talks.
  const [talk, setTalk] = useState<TalkTarget | null>(null);
  const agent = props.agents.find(({ name }) => name === values.agent);
  const fields = fieldsOf(agent?.metadataSchema ?? null);
  const isForOne = agent !== undefined && agent.jobType !== "room" && values.placement === "direct";
  const sent = isForOne ? values : { ...values, participantIdentity: "" };
  const errorAt = (name: string) => errors.find(({ path }) => path === name)?.message;

  const change = (part: Partial<FormValues>) => setValues((before) => ({ ...before, ...part }));
  const chooseAgent = (name: string) => {
    const schema = props.agents.find((each) => each.name === name)?.metadataSchema ?? null;
    change({ agent: name, fields: initialFields(schema), metadataAs: fieldsOf(schema) === null ? "json" : "form" });
    setErrors([]);
  };
  const restore = (before: FormValues) => {
    setValues({ ...NO_WISHES, ...before });
    setErrors([]);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isSending) return;
    const read = bodyOf(sent, agent?.metadataSchema ?? null, timeZone.value);
    setProblem(null);
    setErrors(read.ok ? [] : read.errors);
    if (!read.ok) return;
    setSending(true);
    const result = await write<DispatchView>("POST", "/api/v1/dispatches", read.body);
    setSending(false);
    if (result.ok) {
      keep(values);
      return setDispatch(result.value);
    }
    setProblem(result.problem);
    setErrors(result.errors.map(({ path, message }) => ({ path: path.replace(/^metadata\./, ""), message })));
  };
  const curl = () => {
    const read = bodyOf(sent, agent?.metadataSchema ?? null, timeZone.value);
    const { agent: name, room, placement } = values;
    return curlOf(read.ok ? read.body : { agent: name, room, placement }, location.origin);
  };

  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[24rem_minmax(0,1fr)] xl:grid-cols-[29rem_minmax(0,1fr)]">
      <form class="panel" aria-labelledby="ask" method="post" action="/dispatch" onSubmit={submit}>
        <input type="hidden" name="csrf" value={props.csrf} />
        <div class="panel-head">
          <h2 id="ask">Ask for an agent</h2>
        </div>
        <div class="grid gap-5 p-4">
          <AgentField
            agents={props.agents}
            value={values.agent}
            error={errorAt("agent")}
            onChange={chooseAgent}
          />
          <RoomField
            rooms={props.rooms}
            value={values.room}
            error={errorAt("room")}
            onChange={(room) => change({ room })}
          />
          {isForOne && (
            <ParticipantField
              value={values.participantIdentity}
              error={errorAt("participantIdentity")}
              onChange={(participantIdentity) => change({ participantIdentity })}
            />
          )}
          <MetadataFields
            fields={fields}
            values={values}
            errors={errors}
            onChange={change}
            aside={
              <RecentPayloads
                payloads={recent}
                agents={props.agents.map(({ name }) => name)}
                onRestore={restore}
                onClear={clear}
              />
            }
          />
          <div>
            <Segmented
              legend="Priority"
              name="priority"
              options={PRIORITIES}
              value={values.priority}
              onChange={(priority) => change({ priority })}
            />
            <p class="mt-3 text-xs text-muted">Own: what the metadata or the agent itself says, else normal.</p>
          </div>
          <div>
            <Segmented
              legend="Placement"
              name="placement"
              options={PLACEMENTS}
              value={values.placement}
              onChange={(placement) => change({ placement })}
            />
            <p class="mt-3 text-xs text-muted">
              Direct: Greenroom picks the slot itself, about 0.2 s sooner. LiveKit: the server picks, also among foreign
              workers.
            </p>
          </div>
          <WhenFields
            values={values}
            errorAt={errorAt}
            onChange={change}
          />
        </div>
        {problem && (
          <div class="border-t border-base-300">
            <Alert {...problem} />
          </div>
        )}
        <div class="flex flex-wrap items-center gap-2 border-t border-base-300 px-4 py-3.5">
          <button
            class="btn btn-primary max-w-full max-sm:h-auto max-sm:min-h-10 max-sm:w-full max-sm:py-2"
            type="submit"
            disabled={!props.canOperate}
            aria-disabled={isSending}
          >
            <span class="truncate">{buttonWords(values)}</span>
          </button>
          {!props.canOperate && <span class="text-xs text-muted">Your role is viewer: an operator can dispatch.</span>}
          <CopyButton label="Copy as curl" text={curl} class="btn btn-ghost btn-sm ml-auto" />
        </div>
      </form>
      <div class="grid min-w-0 gap-4">
        {dispatch === null
          ? (
            <Panel id="result" title="Last dispatch">
              <Empty title="Nothing dispatched from here yet">
                <p>The stages of the next one appear here as they are reached.</p>
              </Empty>
            </Panel>
          )
          : (
            <FollowedDispatch
              key={dispatch.id}
              initial={dispatch}
              agents={props.agents}
              onTalk={!props.canOperate || talk?.dispatchId === dispatch.id
                ? undefined
                : () => setTalk({ dispatchId: dispatch.id, agent: dispatch.agent, room: dispatch.room })}
            />
          )}
        {talk && <TalkPanel key={talk.dispatchId} target={talk} joinsAtOnce />}
      </div>
    </div>
  );
}

/** Read after the first paint: the server knows nothing of it. */
function useRecentPayloads() {
  const [recent, setRecent] = useState<readonly RecentPayload[]>([]);
  useEffect(() => setRecent(readRecent()), []);
  const store = (list: RecentPayload[]) => {
    setRecent(list);
    storeRecent(list);
  };
  return {
    recent,
    keep: (values: FormValues) => store(withRecent(readRecent(), values, new Date())),
    clear: () => store([]),
  };
}

interface FollowedProps {
  initial: DispatchView;
  agents: AgentChoice[];
  onTalk: (() => void) | undefined;
}

function FollowedDispatch({ initial, agents, onTalk }: FollowedProps) {
  const isOver = initial.stages.endedAt !== null;
  const topics = isOver ? [] : [`dispatch:${initial.id}`];
  const { data } = useLivePage(initial, `/api/v1/dispatches/${initial.id}`, topics);
  return (
    <LastDispatch
      dispatch={data}
      usualReadyMs={agents.find(({ name }) => name === data.agent)?.usualReadyMs ?? null}
      onTalk={onTalk}
    />
  );
}

function buttonWords({ agent, room }: FormValues): string {
  if (agent === "") return "Dispatch";
  return room.trim() === "" ? `Dispatch ${agent}` : `Dispatch ${agent} to ${room.trim()}`;
}
