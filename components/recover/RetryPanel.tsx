/**
 * What of the chosen group can be retried, and the retry. Membership is frozen when the page is made: what fails later is
 * not among the ticked. A plain form without JavaScript; with it, each job's result shows in its row.
 */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { count, plural } from "../format.ts";
import { write } from "../live/write.ts";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import type { FailureGroup, GroupPreview, RecoverData } from "./types.ts";
import { Time } from "../Time.tsx";

interface Props {
  group: FailureGroup;
  preview: GroupPreview;
  window: RecoverData["window"];
  now: string;
  csrf: string;
  canOperate: boolean;
}

type Result = { state: "retried"; id: string } | { state: "refused"; reason: string };

export function RetryPanel({ group, preview, window, now, csrf, canOperate }: Props) {
  const { members, eligible, retried, recovered } = preview;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(members.map(({ dispatchId }) => dispatchId)));
  const [results, setResults] = useState<Record<string, Result>>({});
  const [isRunning, setRunning] = useState(false);
  const waiting = members.filter(({ dispatchId }) => chosen.has(dispatchId) && results[dispatchId] === undefined);
  const done = Object.values(results).filter(({ state }) => state === "retried").length;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isRunning) return;
    setRunning(true);
    for (const { dispatchId } of waiting) {
      const answer = await write<{ id: string }>("POST", `/api/v1/dispatches/${dispatchId}/retry`, {});
      const result: Result = answer.ok
        ? { state: "retried", id: answer.value.id }
        : { state: "refused", reason: answer.problem.detail };
      setResults((before) => ({ ...before, [dispatchId]: result }));
    }
    setRunning(false);
  };
  const tick = (id: string, isTicked: boolean) => {
    const next = new Set(chosen);
    isTicked ? next.add(id) : next.delete(id);
    setChosen(next);
  };
  const shares = [
    { word: "can be retried", value: eligible, colour: "var(--chart-1)" },
    { word: "retried before", value: retried, colour: "var(--chart-6)" },
    { word: "served by a later attempt", value: recovered, colour: "var(--chart-3)" },
  ];
  const seen = shares.filter(({ value }) => value > 0);
  return (
    <Panel
      id="preview"
      title="Retry preview"
      aside={
        <>
          frozen at <Time at={now} />
        </>
      }
    >
      <form method="post" action="/recover" onSubmit={submit}>
        <input type="hidden" name="csrf" value={csrf} />
        <input type="hidden" name="group" value={group.fingerprint} />
        <input type="hidden" name="since" value={window} />
        <div class="grid gap-6 p-4 lg:grid-cols-2">
          <div>
            <p class="flex items-baseline gap-3">
              <b class="text-2xl font-bold">{count(eligible)}</b>
              <span class="text-base text-muted">
                of {plural(eligible + retried + recovered, "dispatch", "dispatches")} can be retried
              </span>
            </p>
            <div
              class="stages mt-3"
              style={`grid-template-columns: ${seen.map(({ value }) => `${value}fr`).join(" ")}`}
              role="img"
              aria-label={shares.map(({ word, value }) => `${value} ${word}`).join(", ")}
            >
              {seen.map(({ word, colour }) => <i key={word} class="stage" style={`--k: ${colour}`}></i>)}
            </div>
            <dl class="mt-3 grid grid-cols-[minmax(0,1fr)_auto] gap-y-1">
              {shares.map(({ word, value }) => (
                <Fragment key={word}>
                  <dt class="text-muted">{word}</dt>
                  <dd class="num">{count(value)}</dd>
                </Fragment>
              ))}
            </dl>
          </div>
          <dl class="facts content-start">
            <dt>Error</dt>
            <dd>{group.message}</dd>
            <dt>At once</dt>
            <dd>as many as slots are free; the others wait in the queue</dd>
            <dt>Each retry</dt>
            <dd>is a new dispatch into the same room, with the same metadata</dd>
          </dl>
        </div>
        {members.length > 0 && (
          <TableRegion label="Dispatches to retry">
            <thead>
              <tr>
                <th scope="col" class="w-8">
                  <input
                    type="checkbox"
                    class="checkbox checkbox-xs noscript:hidden"
                    aria-label={`Select all ${members.length}`}
                    checked={chosen.size === members.length}
                    onChange={(event) =>
                      setChosen(
                        new Set(event.currentTarget.checked ? members.map(({ dispatchId }) => dispatchId) : []),
                      )}
                  />
                </th>
                <th scope="col">Room</th>
                <th scope="col" class="max-md:hidden">Agent</th>
                <th scope="col">Failed</th>
                <th scope="col">Result</th>
              </tr>
            </thead>
            <tbody>
              {members.map(({ dispatchId, room, agent, failedAt }) => (
                <tr key={dispatchId}>
                  <td>
                    <input
                      type="checkbox"
                      class="checkbox checkbox-xs"
                      name="id"
                      value={dispatchId}
                      aria-label={`Retry ${room}`}
                      checked={chosen.has(dispatchId)}
                      onChange={(event) => tick(dispatchId, event.currentTarget.checked)}
                    />
                  </td>
                  <td>
                    <a class="row-link font-semibold" href={`/dispatches/${dispatchId}`}>{room}</a>
                  </td>
                  <td class="max-md:hidden">{agent}</td>
                  <td class="text-muted">
                    <Time at={failedAt} />
                  </td>
                  <td>
                    <ResultCell result={results[dispatchId]} />
                  </td>
                </tr>
              ))}
            </tbody>
          </TableRegion>
        )}
        <div class="flex flex-wrap items-center gap-3 border-t border-base-300 px-4 py-3.5">
          <button
            type="submit"
            class="btn btn-primary"
            disabled={!canOperate || waiting.length === 0}
            aria-disabled={isRunning}
          >
            Retry {plural(waiting.length, "job")}
          </button>
          <span class="text-muted" aria-live="polite">
            {done > 0
              ? `${plural(done, "job")} retried`
              : canOperate
              ? ""
              : "Your role is viewer: an operator can retry."}
          </span>
          {eligible > members.length && (
            <span class="ml-auto text-xs text-muted">
              the newest {count(members.length)} of {count(eligible)} are listed
            </span>
          )}
        </div>
      </form>
    </Panel>
  );
}

function ResultCell({ result }: { result: Result | undefined }) {
  if (result === undefined) return <span class="text-faint">not yet</span>;
  if (result.state === "refused") return <span class="text-failed">{result.reason}</span>;
  return <a class="link-quiet" href={`/dispatches/${result.id}`}>retried</a>;
}
