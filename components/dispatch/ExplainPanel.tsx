/** Why it was placed where it was, or what keeps it waiting: every instance that came into question, the winner first. */
import { duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import { Unknown } from "../Unknown.tsx";
import type { Explanation } from "./types.ts";

type Candidate = NonNullable<Explanation["waiting"]>["candidates"][number];

const REFUSALS: Record<string, string> = {
  agent_not_hosted: "does not host the agent",
  instance_full: "all slots taken",
  agent_full: "the agent's limit is reached",
  agent_stopped: "the agent was stopped there",
  breaker_open: "the agent keeps crashing there",
  cordoned: "cordoned",
  draining: "being drained",
  starting: "still starting",
  stopping: "stopping",
};

export function ExplainPanel({ explanation }: { explanation: Explanation }) {
  const placed = explanation.placements.at(-1);
  const { waiting } = explanation;
  if (waiting === null && placed === undefined) return null;
  const first = waiting === null ? placed?.instanceId : waiting.nearestMiss;
  const candidates = waiting?.candidates ?? placed?.candidates ?? [];
  return (
    <Panel
      id="explain"
      title={waiting === null ? "Why it was placed there" : "Why it waits"}
      class="panel overflow-hidden"
      aside={asideOf(explanation)}
    >
      {waiting === null && placed && <p class="p-4">{placed.why}</p>}
      {candidates.length === 0
        ? <p class="p-4 text-muted">No instance runs.</p>
        : (
          <TableRegion label="Instances that came into question">
            <thead>
              <tr>
                <th scope="col">Instance</th>
                <th scope="col" class="num">Jobs</th>
                <th scope="col" class="num">Load</th>
                <th scope="col">Region</th>
                <th scope="col">Verdict</th>
              </tr>
            </thead>
            <tbody>
              {candidates.toSorted((a, b) => Number(b.instanceId === first) - Number(a.instanceId === first)).map((
                each,
              ) => (
                <Row
                  key={each.instanceId}
                  candidate={each}
                  isFirst={each.instanceId === first}
                  isPlaced={waiting === null}
                />
              ))}
            </tbody>
          </TableRegion>
        )}
    </Panel>
  );
}

function Row({ candidate, isFirst, isPlaced }: { candidate: Candidate; isFirst: boolean; isPlaced: boolean }) {
  const { hostname, running, maxJobs, loadRatio, region, isInRegion } = candidate;
  return (
    <tr class={isFirst && isPlaced ? "font-semibold" : ""}>
      <td>{hostname}</td>
      <td class="num">{running} of {maxJobs}</td>
      <td class="num">
        {loadRatio === null ? <Unknown why="its worker has not told it" /> : `${Math.round(loadRatio * 100)} %`}
      </td>
      <td>
        {region ?? <Unknown why="the instance names none" />}
        {isInRegion === false && <span class="text-muted">, not the one asked for</span>}
      </td>
      <td>{verdictOf(candidate, isFirst, isPlaced)}</td>
    </tr>
  );
}

function verdictOf({ refusal }: Candidate, isFirst: boolean, isPlaced: boolean): string {
  if (isFirst && isPlaced) return "chosen";
  if (refusal === null) return isPlaced ? "could have taken it" : "may take it";
  const words = REFUSALS[refusal] ?? refusal.replaceAll("_", " ");
  return isFirst ? `nearest: ${words}` : words;
}

function asideOf({ waiting, placements }: Explanation): string {
  const placed = placements.at(-1);
  if (waiting === null) return placed === undefined ? "" : `placed after ${duration(placed.answerMs)}`;
  if (waiting.candidates.some(({ refusal }) => refusal === null)) return "";
  if (waiting.slotFreesInMs === null) return "when a slot frees is not known";
  return `a slot should be free in about ${duration(waiting.slotFreesInMs)}`;
}
