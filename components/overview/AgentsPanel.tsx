import { Spark } from "../charts/Spark.tsx";
import { Figure } from "../Figure.tsx";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import type { OverviewData } from "./types.ts";

const UNKNOWN = "an instance that hosts it has not been heard of for some seconds, or none hosts it";
const STATES: Record<string, { state: string; word: string }> = {
  ready: { state: "serving", word: "serving" },
  loading: { state: "placed", word: "loading" },
  broken: { state: "failed", word: "does not load" },
  not_hosted: { state: "unknown", word: "not hosted" },
  unknown: { state: "unknown", word: "unknown" },
};

export function AgentsPanel({ data: { overview, history } }: { data: OverviewData }) {
  return (
    <Panel id="agents" title="Agents" class="panel overflow-hidden" aside="now">
      {overview.agents.length === 0
        ? <p class="p-4 text-muted">No agent has run here: put a file into the agents folder and restart.</p>
        : (
          <TableRegion label="Agents table">
            <thead>
              <tr>
                <th scope="col">Agent</th>
                <th scope="col">State</th>
                <th scope="col" class="num">In calls</th>
                <th scope="col" class="num max-md:hidden">Warm</th>
                <th scope="col" class="num">Waiting</th>
                <th scope="col" class="num max-md:hidden">More fit</th>
                <th scope="col" class="max-md:hidden">Calls, last hour</th>
              </tr>
            </thead>
            <tbody>
              {overview.agents.map((agent) => (
                <tr key={agent.name}>
                  <td>
                    <a class="row-link font-semibold" href={`/jobs?q=${encodeURIComponent(`agent:${agent.name}`)}`}>
                      {agent.name}
                    </a>
                  </td>
                  <td title={agent.error ?? undefined}>
                    <State {...STATES[agent.state] ?? { state: "unknown" }} />
                  </td>
                  <td class="num">
                    <Figure value={agent.running} why={UNKNOWN} />
                  </td>
                  <td class="num max-md:hidden">
                    <Figure value={agent.warm} why={UNKNOWN} />
                  </td>
                  <td class="num">
                    <Figure value={agent.queued} />
                  </td>
                  <td class="num max-md:hidden">
                    <Figure value={agent.free} why={UNKNOWN} />
                  </td>
                  <td class="max-md:hidden">
                    {history.callsOfAgent[agent.name]
                      ? (
                        <Spark
                          values={history.callsOfAgent[agent.name] ?? []}
                          colour="var(--chart-1)"
                          class="spark w-28"
                        />
                      )
                      : <span class="text-faint">no calls</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </TableRegion>
        )}
    </Panel>
  );
}
