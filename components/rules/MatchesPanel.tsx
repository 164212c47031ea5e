/** What rules did last. */
import { Empty } from "../Empty.tsx";
import { Panel } from "../Panel.tsx";
import { ShortId } from "../ShortId.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { Unknown } from "../Unknown.tsx";
import type { RuleMatchRow } from "./types.ts";

export function MatchesPanel({ matches, nowMs }: { matches: readonly RuleMatchRow[]; nowMs: number }) {
  return (
    <Panel id="matches" title="What they did last" class="panel overflow-hidden" aside="newest first">
      {matches.length === 0
        ? (
          <Empty title="No rule has acted yet">
            <p>When a room that fits starts, its agent's dispatch stands here.</p>
          </Empty>
        )
        : (
          <TableRegion label="What rules did">
            <thead>
              <tr>
                <th scope="col">Rule</th>
                <th scope="col">Room</th>
                <th scope="col">Dispatch</th>
                <th scope="col">State</th>
                <th scope="col" class="num">When</th>
              </tr>
            </thead>
            <tbody>
              {matches.map((match) => (
                <tr key={`${match.ruleId} ${match.dispatchId} ${match.at}`}>
                  <td class="font-semibold">{match.name}</td>
                  <td>{match.room ?? <Unknown why="Its dispatch is no longer kept" />}</td>
                  <td>
                    {match.dispatchId && (
                      <a class="link-quiet" href={`/dispatches/${match.dispatchId}`}>
                        <ShortId id={match.dispatchId} />
                      </a>
                    )}
                  </td>
                  <td>{match.state && <State state={match.state} />}</td>
                  <td class="num text-muted">
                    <Time at={match.at} nowMs={nowMs} />
                  </td>
                </tr>
              ))}
            </tbody>
          </TableRegion>
        )}
    </Panel>
  );
}
