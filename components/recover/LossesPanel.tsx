import { duration } from "../format.ts";
import { Empty } from "../Empty.tsx";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { Unknown } from "../Unknown.tsx";
import type { Loss } from "./types.ts";

/** Agents that were lost in their rooms, those that are not replaced yet first. */
export function LossesPanel({ losses, nowMs }: { losses: readonly Loss[]; nowMs: number }) {
  return (
    <Panel id="losses" title="Lost agents and dead air" class="panel overflow-hidden">
      {losses.length === 0
        ? (
          <Empty title="No agent was lost in this time">
            <p>A job that dies is run again in its room by itself; here stands how long it was silent.</p>
          </Empty>
        )
        : (
          <TableRegion label="Lost agents">
            <thead>
              <tr>
                <th scope="col">Lost</th>
                <th scope="col">Agent</th>
                <th scope="col">Room</th>
                <th scope="col">By</th>
                <th scope="col">What came of it</th>
                <th scope="col" class="num">Dead air</th>
              </tr>
            </thead>
            <tbody>{losses.map((loss) => <Row key={loss.id} loss={loss} nowMs={nowMs} />)}</tbody>
          </TableRegion>
        )}
    </Panel>
  );
}

function Row({ loss, nowMs }: { loss: Loss; nowMs: number }) {
  const { dispatchId, agent, room, cause, lostAt } = loss;
  const isOpen = loss.readyAt === null && loss.givenUpAt === null;
  return (
    <tr>
      <td>
        <a class="row-link" href={`/dispatches/${dispatchId}`}>
          <Time at={lostAt} nowMs={nowMs} />
        </a>
      </td>
      <td>{agent}</td>
      <td class="id">{room}</td>
      <td>{cause.replaceAll("_", " ")}</td>
      <td class={isOpen ? "font-semibold text-failed" : "text-muted"}>
        {isOpen ? "not replaced yet" : loss.readyAt === null ? "given up" : "replaced"}
      </td>
      <td class="num">
        <DeadAir loss={loss} isOpen={isOpen} nowMs={nowMs} />
      </td>
    </tr>
  );
}

function DeadAir({ loss, isOpen, nowMs }: { loss: Loss; isOpen: boolean; nowMs: number }) {
  if (!loss.wasHumanThere) return <Unknown why="nobody was there to hear it" />;
  if (isOpen) return <>{duration(Math.max(0, nowMs - Date.parse(loss.lostAt)))} so far</>;
  return loss.deadAirMs === null ? <Unknown why="not measured" /> : <>{duration(loss.deadAirMs)}</>;
}
