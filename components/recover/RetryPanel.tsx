/**
 * What of the chosen group can be retried, and the retry: a bulk operation of what is ticked. Its button counts that; without
 * JavaScript it can't, so that the page it leads to asks once more.
 */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { count, plural } from "../format.ts";
import { sinceMs as spanMs } from "../jobs/query.ts";
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

export function RetryPanel({ group, preview, window, now, csrf, canOperate }: Props) {
  const { members, eligible, retried, recovered } = preview;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(members.map(({ dispatchId }) => dispatchId)));
  const sinceMs = Date.parse(now) - (spanMs(window) ?? 0);
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
  const allHref = `/operations/new?${new URLSearchParams({
    kind: "retry",
    group: group.fingerprint,
    since: new Date(sinceMs).toISOString(),
  })}`;
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
      <form
        method="post"
        action="/operations/new"
        onFormData={(event) => {
          const { formData } = event as unknown as FormDataEvent;
          formData.set("confirm", "yes");
          formData.set("expected", String(chosen.size));
        }}
      >
        <input type="hidden" name="csrf" value={csrf} />
        <input type="hidden" name="kind" value="retry" />
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
            <dd>paced; as many run as slots are free, the others wait in the queue</dd>
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
                </tr>
              ))}
            </tbody>
          </TableRegion>
        )}
        <div class="flex flex-wrap items-center gap-3 border-t border-base-300 px-4 py-3.5">
          <button type="submit" class="btn btn-primary" disabled={!canOperate || chosen.size === 0}>
            Retry {plural(chosen.size, "job")}
          </button>
          {!canOperate && <span class="text-muted">Your role is viewer: an operator can retry.</span>}
          {eligible > members.length && (
            <span class="ml-auto flex flex-wrap items-center gap-3 text-xs text-muted">
              the newest {count(members.length)} of {count(eligible)} are listed
              <a class="btn btn-quiet btn-sm" href={allHref}>Preview all {count(eligible)}</a>
            </span>
          )}
        </div>
      </form>
    </Panel>
  );
}
