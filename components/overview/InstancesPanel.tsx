import { Spark } from "../charts/Spark.tsx";
import { Figure } from "../Figure.tsx";
import { bytes } from "../format.ts";
import { Heartbeat } from "../Heartbeat.tsx";
import { Panel } from "../Panel.tsx";
import { slotCounts, SlotMeter } from "../SlotMeter.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Unknown } from "../Unknown.tsx";
import type { OverviewData, OverviewInstance } from "./types.ts";
import { warmOn } from "./VerdictPanel.tsx";

/** The lease of an instance (architecture.md 7). */
export const LEASE_MS = 8_000;

/** @param sinceMs how long ago `data` was read: ages go on between two readings. */
export function InstancesPanel({ data: { overview, history }, sinceMs }: { data: OverviewData; sinceMs: number }) {
  return (
    <Panel
      id="instances"
      title="Instances"
      class="panel overflow-hidden"
      aside={<a class="link-quiet" href="/workers">All workers</a>}
    >
      <TableRegion label="Instances table">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">State</th>
            <th scope="col" class="max-md:hidden">Slots</th>
            <th scope="col" class="num">In calls</th>
            <th scope="col" class="num">More fit</th>
            <th scope="col" class="max-md:hidden">Load, last hour</th>
            <th scope="col" class="num">Load</th>
            <th scope="col" class="num">CPU</th>
            <th scope="col" class="num">Memory</th>
            <th scope="col">Heartbeat</th>
          </tr>
        </thead>
        <tbody>
          {overview.instances.map((instance) => (
            <Row
              key={instance.id}
              instance={instance}
              warm={warmOn(overview, instance.id)}
              load={history.loadOfInstance[instance.id] ?? []}
              ageMs={instance.heartbeatAgeMs + sinceMs}
            />
          ))}
        </tbody>
      </TableRegion>
    </Panel>
  );
}

function Row(
  { instance, warm, load, ageMs }: { instance: OverviewInstance; warm: number; load: (number | null)[]; ageMs: number },
) {
  const { hostname, state, maxJobs, liveJobs, loadRatio, cpuRatio, memoryBytes } = instance;
  const slots = slotCounts(instance, warm);
  const isSilent = ageMs > LEASE_MS;
  return (
    <tr>
      <td title={instance.id}>
        <b class="font-semibold">{hostname}</b> {instance.isThisOne && <span class="text-faint">this one</span>}
      </td>
      <td>
        {isSilent
          ? <State state="unknown" word="silent" />
          : state === "running"
          ? <State state="serving" />
          : <State state={state} />}
      </td>
      <td class="max-md:hidden">
        <span class="block w-40">
          <SlotMeter name={hostname} slots={slots} isSmall />
        </span>
      </td>
      <td class="num">
        {liveJobs} <span class="text-faint">/ {maxJobs}</span>
      </td>
      <td class="num font-semibold">
        <Figure value={isSilent ? null : slots.warm + slots.free} why="it is silent" />
      </td>
      <td class="max-md:hidden">
        <Spark values={load} colour="var(--chart-1)" class="spark w-28" top={1} />
      </td>
      <td class="num">{loadRatio === null ? <Unknown why="no fresh sample" /> : loadRatio.toFixed(2)}</td>
      <td class="num">{cpuRatio === null ? <Unknown why="no fresh sample" /> : `${Math.round(cpuRatio * 100)} %`}</td>
      <td class="num">{memoryBytes === null ? <Unknown why="no fresh sample" /> : bytes(memoryBytes)}</td>
      <td>
        <Heartbeat ageMs={ageMs} leaseMs={LEASE_MS} />
      </td>
    </tr>
  );
}
