import { count, plural } from "../format.ts";
import { Empty } from "../Empty.tsx";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import { type FailureGroup, type RecoverData, recoverHref, WINDOWS } from "./types.ts";
import { Time } from "../Time.tsx";

const WORDS = { "1h": "1 hour", "24h": "24 hours", "7d": "7 days" };

/** Failed jobs by error; each row's bars have their own scale. */
export function GroupsPanel({ data: { groups, window, group, now } }: { data: RecoverData }) {
  return (
    <Panel
      id="groups"
      title="Failed jobs by error"
      class="panel overflow-hidden"
      aside={
        <span class="join" role="group" aria-label="Window">
          {WINDOWS.map((each) => (
            <a
              key={each}
              class="btn btn-seg btn-xs join-item"
              href={recoverHref(each, group?.fingerprint ?? null)}
              aria-current={each === window ? "true" : "false"}
            >
              {each}
            </a>
          ))}
        </span>
      }
    >
      {groups.length === 0
        ? (
          <Empty title={`No job failed in the last ${WORDS[window]}`}>
            <p>A longer window may show some.</p>
          </Empty>
        )
        : (
          <TableRegion label="Failed jobs by error">
            <thead>
              <tr>
                <th scope="col">Error</th>
                <th scope="col" class="max-md:hidden">Agent</th>
                <th scope="col" class="max-md:hidden">{WORDS[window]}</th>
                <th scope="col" class="num">Failed</th>
                <th scope="col" class="num">Last</th>
                <th scope="col" class="num">
                  <span class="sr-only">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {groups.map((each) => (
                <Row
                  key={each.fingerprint}
                  group={each}
                  href={recoverHref(window, each.fingerprint)}
                  isChosen={each.fingerprint === group?.fingerprint}
                  window={window}
                  nowMs={Date.parse(now)}
                />
              ))}
            </tbody>
          </TableRegion>
        )}
      <p class="border-t border-base-300 px-4 py-2.5 text-xs text-muted">
        Groups are made from the error's kind and its text without numbers, ids and quoted parts.
      </p>
    </Panel>
  );
}

interface RowProps {
  group: FailureGroup;
  href: string;
  isChosen: boolean;
  window: RecoverData["window"];
  nowMs: number;
}

function Row({ group, href, isChosen, window, nowMs }: RowProps) {
  const { message, kind, agents, buckets, lastAt } = group;
  const largest = Math.max(1, ...buckets);
  return (
    <tr aria-selected={isChosen}>
      <td class="h-13! max-w-72 py-1.5!">
        <a class="row-link block truncate font-semibold" href={href} title={message}>{message}</a>
        <span class="id block truncate text-muted">{kind.replaceAll("_", " ")}</span>
      </td>
      <td class="max-md:hidden">{agents.join(", ")}</td>
      <td class="max-md:hidden">
        <div
          class="heat w-full min-w-40"
          role="img"
          aria-label={`${plural(group.count, "failure")} in ${WORDS[window]}`}
          style={`--k: var(${isChosen ? "--st-failed" : "--chart-6"})`}
        >
          {buckets.map((amount, index) =>
            amount === 0
              ? <i key={index} data-z></i>
              : <i key={index} style={`--v: ${Math.round(amount / largest * 100)}`}></i>
          )}
        </div>
      </td>
      <td class="num font-semibold">{count(group.count)}</td>
      <td class="num text-muted">
        <Time at={lastAt} nowMs={nowMs} />
      </td>
      <td class="num">
        {isChosen
          ? <span class="font-semibold text-accent">previewed</span>
          : <a class="btn btn-quiet btn-xs" href={href}>Preview retry of {count(group.count)}</a>}
      </td>
    </tr>
  );
}
