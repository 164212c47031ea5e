import { Spark } from "../charts/Spark.tsx";
import { Figure } from "../Figure.tsx";
import { bytes, count, duration, exactTime, plural } from "../format.ts";
import { timeZone } from "../live/time_zone.ts";
import { Heartbeat } from "../Heartbeat.tsx";
import { Icon } from "../Icon.tsx";
import { LEASE_MS } from "../overview/InstancesPanel.tsx";
import { warmOn } from "../overview/VerdictPanel.tsx";
import type { OverviewInstance } from "../overview/types.ts";
import { slotCounts, SlotMeter } from "../SlotMeter.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Unknown } from "../Unknown.tsx";
import { CallsLeft, ClosedFacts } from "./CallsLeft.tsx";
import { type Act, InstanceActions } from "./InstanceActions.tsx";
import { refusalLines } from "./refusal_lines.ts";
import type { WorkersData, WorkerView } from "./types.ts";

const STATES: Record<string, { state: string; word: string }> = {
  registered: { state: "serving", word: "connected" },
  connecting: { state: "placed", word: "connecting" },
  reconnecting: { state: "retrying", word: "reconnecting" },
  stopped: { state: "cancelled", word: "stopped" },
};

interface Props {
  instance: OverviewInstance;
  data: WorkersData;
  /** How long ago the data was read. */
  sinceMs: number;
  nowMs: number;
  csrf: string;
  canOperate: boolean;
  onAct: Act;
}

export function InstancePanel({ instance, data, sinceMs, nowMs, csrf, canOperate, onAct }: Props) {
  const { id, hostname, state, version, isThisOne } = instance;
  const ageMs = instance.heartbeatAgeMs + sinceMs;
  const isSilent = ageMs > LEASE_MS;
  const shown = isSilent
    ? { state: "unknown", word: "silent, state unknown" }
    : state === "running"
    ? { state: "serving" }
    : { state, word: wordOf(state, instance.liveJobs) };
  const closed = data.closed[id];
  const form = canOperate ? { id, csrf, onAct } : null;
  const workers = data.workers.filter(({ instanceId }) => instanceId === id);
  return (
    <section class="panel" aria-labelledby={`instance-${id}`}>
      <div class="panel-head">
        <h2 id={`instance-${id}`} title={id}>{hostname}</h2>
        <State {...shown} isChip />
        <span class="text-xs text-muted">
          {isThisOne ? "this one, " : ""}v{version}, up {duration(nowMs - Date.parse(instance.startedAt))}
        </span>
        <span class="ml-auto text-xs">
          <Heartbeat ageMs={ageMs} leaseMs={LEASE_MS} />
        </span>
        {form && !isSilent && (
          <InstanceActions
            {...{ instance, csrf, onAct }}
            drainTimeoutMs={data.drainTimeoutMs}
            stoppedAgents={workers.filter(({ refusal }) => refusal === "agent_stopped").map(({ agent }) => agent)}
          />
        )}
      </div>
      <div class="grid overflow-hidden rounded-b-box divide-base-300 max-lg:divide-y lg:grid-cols-[22rem_minmax(0,1fr)] lg:divide-x">
        <div class="p-4">
          <Slots instance={instance} data={data} isSilent={isSilent} />
          {closed && <ClosedFacts closed={closed} nowMs={nowMs} form={form} />}
        </div>
        {closed && state === "draining"
          ? <CallsLeft name={hostname} calls={closed.calls} nowMs={nowMs} />
          : <Workers workers={workers} data={data} instanceId={id} nowMs={nowMs} />}
      </div>
    </section>
  );
}

function wordOf(state: string, liveJobs: number): string {
  if (state !== "draining") return state;
  return liveJobs === 0 ? "drained" : `draining, ${plural(liveJobs, "call")} left`;
}

function Slots({ instance, data, isSilent }: { instance: OverviewInstance; data: WorkersData; isSilent: boolean }) {
  const { liveJobs, maxJobs, loadRatio, cpuRatio, memoryBytes } = instance;
  const slots = slotCounts(instance, warmOn(data.overview, instance.id));
  const fit = slots.warm + slots.free;
  return (
    <>
      <p class="mb-2 flex items-baseline gap-1">
        <b class="text-lg">{count(liveJobs)}</b>
        <span class="text-muted">of {plural(maxJobs, "slot")} in calls</span>
        <span class="ml-auto">
          <b>{isSilent ? <Unknown why="it is silent" /> : count(fit)}</b> <span class="text-muted">more fit</span>
        </span>
      </p>
      <SlotMeter name={instance.hostname} slots={slots} />
      <dl class="mt-4 grid grid-cols-3 gap-3">
        <div>
          <dt class="stat-label">Load</dt>
          <dd class="flex items-center gap-2 text-base font-semibold">
            {loadRatio === null ? <Unknown why="no fresh sample" /> : loadRatio.toFixed(2)}
            <Spark
              values={data.history.loadOfInstance[instance.id] ?? []}
              colour="var(--chart-1)"
              class="spark w-12"
              top={1}
            />
          </dd>
        </div>
        <div>
          <dt class="stat-label">CPU</dt>
          <dd class="text-base font-semibold">
            {cpuRatio === null ? <Unknown why="no fresh sample" /> : `${Math.round(cpuRatio * 100)} %`}
          </dd>
        </div>
        <div>
          <dt class="stat-label">Memory</dt>
          <dd class="text-base font-semibold">
            {memoryBytes === null ? <Unknown why="no fresh sample" /> : bytes(memoryBytes)}
          </dd>
        </div>
      </dl>
    </>
  );
}

function Workers(
  { workers, data, instanceId, nowMs }: { workers: WorkerView[]; data: WorkersData; instanceId: string; nowMs: number },
) {
  if (workers.length === 0) return <p class="p-4 text-muted">It has no workers.</p>;
  const agentOf = (name: string) =>
    data.overview.agents.find((agent) => agent.name === name)?.instances.find((each) => each.instanceId === instanceId);
  const why = "it has not been heard of for some seconds";
  return (
    <div class="min-w-0">
      <TableRegion label="Workers table">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col" class="num">In calls</th>
            <th scope="col" class="num">Warm</th>
            <th scope="col" class="num max-md:hidden">More fit</th>
            <th scope="col" class="w-24 max-lg:hidden">Load, 1 h</th>
            <th scope="col" class="num max-md:hidden">Load</th>
            <th scope="col">LiveKit</th>
          </tr>
        </thead>
        <tbody>
          {workers.map(({ id, agent, jobType, state, since, attempts, loadRatio }) => (
            <tr key={id}>
              <td>
                <b class="font-semibold">{agent}</b> <span class="text-faint">{jobType}</span>
              </td>
              <td class="num">
                <Figure value={agentOf(agent)?.running ?? null} why={why} />
              </td>
              <td class="num">
                <Figure value={agentOf(agent)?.warm ?? null} why={why} />
              </td>
              <td class="num max-md:hidden">
                <Figure value={agentOf(agent)?.free ?? null} why={why} />
              </td>
              <td class="max-lg:hidden">
                <Spark
                  values={data.history.loadOfWorker[instanceId]?.[agent] ?? []}
                  colour="var(--chart-1)"
                  class="spark w-20"
                  top={1}
                />
              </td>
              <td class="num max-md:hidden">
                {loadRatio === null ? <Unknown why="it has not told yet" /> : loadRatio.toFixed(2)}
              </td>
              <td>
                <State {...STATES[state] ?? { state: "unknown", word: state }} />{" "}
                {state !== "unknown" && (
                  <span class="text-muted" title={exactTime(since, timeZone.value)}>
                    {state === "reconnecting" && attempts !== null
                      ? `try ${attempts}`
                      : duration(Math.max(0, nowMs - Date.parse(since)))}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </TableRegion>
      {refusalLines(workers).map(({ agents, text }) => (
        <p class="wrap-anywhere border-t border-base-300 px-4 py-2.5 text-xs text-muted" key={agents + text}>
          <b class="font-semibold text-base-content">{agents}</b> {text}
        </p>
      ))}
      {workers.filter(({ trouble }) => trouble !== null).map(({ id, agent, trouble }) => (
        <div class="problem border-t border-base-300" data-state={trouble?.isNow ? "attention" : "unknown"} key={id}>
          <Icon name={trouble?.isNow ? "st-attention" : "st-unknown"} class="" />
          <p class="wrap-anywhere">
            <b class="font-semibold">{agent} {trouble?.title}</b> <span class="text-muted">{trouble?.text}</span>
          </p>
        </div>
      ))}
    </div>
  );
}
