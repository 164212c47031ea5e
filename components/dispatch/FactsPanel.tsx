import { CopyButton } from "../CopyButton.tsx";
import { Panel } from "../Panel.tsx";
import { Unknown } from "../Unknown.tsx";
import type { DispatchDetails } from "./details.ts";
import { curlOf } from "./form_values.ts";
import { Time } from "../Time.tsx";

export function FactsPanel({ details: { dispatch, instanceNames } }: { details: DispatchDetails }) {
  const job = dispatch.jobs.at(-1);
  const { agent, room, priority, placement, metadata, participantIdentity } = dispatch;
  const curl = () => {
    const body = { agent, room, priority, placement, ...(metadata === null ? {} : { metadata }) };
    return curlOf(participantIdentity === null ? body : { ...body, participantIdentity }, location.origin);
  };
  return (
    <Panel
      id="facts"
      title="Dispatch"
      aside={<CopyButton label="Copy as curl" text={curl} class="btn btn-ghost btn-xs" />}
    >
      <dl class="facts p-4">
        <dt>Dispatch</dt>
        <dd class="id">{dispatch.id}</dd>
        <dt>Job</dt>
        <dd class="id">{job?.id ?? <Unknown why="not placed yet" />}</dd>
        {dispatch.retryOf !== null && (
          <>
            <dt>Retry of</dt>
            <dd>
              <a class="link-quiet id" href={`/dispatches/${dispatch.retryOf}`}>{dispatch.retryOf}</a>
            </dd>
          </>
        )}
        <dt>Asked</dt>
        <dd>
          <Time at={dispatch.createdAt} shape="exact" />
        </dd>
        {dispatch.scheduledAt !== null && (
          <>
            <dt>To start</dt>
            <dd>
              <Time at={dispatch.scheduledAt} shape="exact" />
            </dd>
          </>
        )}
        {dispatch.deadlineAt !== null && (
          <>
            <dt>Ready by</dt>
            <dd>
              <Time at={dispatch.deadlineAt} shape="exact" />
            </dd>
          </>
        )}
        {participantIdentity !== null && (
          <>
            <dt>For</dt>
            <dd class="id">{participantIdentity}</dd>
          </>
        )}
        <dt>By</dt>
        <dd>{dispatch.origin}</dd>
        <dt>Placement</dt>
        <dd>{placement}</dd>
        <dt>Priority</dt>
        <dd>{priority}</dd>
        {job && (
          <>
            <dt>Runs on</dt>
            <dd>
              {instanceNames[job.instanceId] ?? "an instance that is gone"}
              {job.isolation === "process" ? ", own process" : ", inline"}
              {job.pid === null ? "" : `, pid ${job.pid}`}
            </dd>
            <dt>Participant</dt>
            <dd class="id">{job.participantIdentity}</dd>
            <dt>LiveKit job</dt>
            <dd>{job.livekitJobId === null ? "none: placed directly" : <span class="id">{job.livekitJobId}</span>}</dd>
          </>
        )}
        <dt>Server</dt>
        <dd>{dispatch.server}</dd>
      </dl>
    </Panel>
  );
}
