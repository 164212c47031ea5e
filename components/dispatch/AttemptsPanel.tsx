import { duration, elapsedMs, stopwatch } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { Time } from "../Time.tsx";
import { lossWords } from "./loss_words.ts";
import { TableRegion } from "../Table.tsx";
import { Unknown } from "../Unknown.tsx";
import type { DispatchDetails } from "./details.ts";
import { flagWords, outcomeWords } from "./end_words.ts";
import { readyMs } from "./stage_times.ts";
import type { JobView } from "./types.ts";

/** All attempts in one list, each with its error and stack. */
export function AttemptsPanel({ details, nowMs }: { details: DispatchDetails; nowMs: number }) {
  const { dispatch, instanceNames, stacks, losses } = details;
  const { jobs } = dispatch;
  return (
    <Panel id="attempts" title="Attempts" class="panel overflow-hidden" aside={attemptsWords(jobs.length)}>
      {jobs.length === 0
        ? <p class="p-4 text-muted">None yet: it waits to be placed.</p>
        : (
          <TableRegion label="Attempts table">
            <thead>
              <tr>
                <th scope="col" class="num">Try</th>
                <th scope="col">State</th>
                <th scope="col">Ran on</th>
                <th scope="col" class="num">Ready in</th>
                <th scope="col" class="num">Lasted</th>
                <th scope="col">Outcome</th>
              </tr>
            </thead>
            <tbody>
              {jobs.map((job) => (
                <AttemptRow key={job.id} job={job} place={instanceNames[job.instanceId]} nowMs={nowMs} />
              ))}
            </tbody>
          </TableRegion>
        )}
      {losses.map((loss) => (
        <p key={loss.lostAt} class="border-t border-base-300 px-4 py-2">
          <Time at={loss.lostAt} shape="exact" /> {lossWords(loss)}
        </p>
      ))}
      {jobs.filter(({ failure }) => failure !== null).map((job, index, failed) => (
        <details key={job.id} class="border-t border-base-300 px-4 py-2" open={index === failed.length - 1}>
          <summary class="cursor-pointer text-muted">Error and stack of attempt {job.attempt}</summary>
          <pre class="id scroll-x mt-2 leading-5" tabIndex={0} aria-label={`Stack of attempt ${job.attempt}`}>
            <b class="text-failed">{job.failure?.kind}</b>: {errorText(job, stacks[job.id])}
          </pre>
          {job.failure?.remedy && (
            <p class="mt-2 text-muted">
              <b class="font-semibold text-base-content">Remedy.</b> {job.failure.remedy}
            </p>
          )}
          {job.failure?.advice && (
            <p class="mt-2 text-muted">
              <b class="font-semibold text-base-content">Another try ({job.failure.class}).</b> {job.failure.advice}
            </p>
          )}
        </details>
      ))}
    </Panel>
  );
}

function AttemptRow({ job, place, nowMs }: { job: JobView; place: string | undefined; nowMs: number }) {
  const ready = readyMs(job.stages);
  const lasted = elapsedMs(job.stages.enteredAt, job.stages.endedAt ?? new Date(nowMs).toISOString());
  return (
    <tr>
      <td class="num">{job.attempt}</td>
      <td>
        <State state={job.state} />
      </td>
      <td>
        {place ?? <Unknown why="the instance's record is gone" />}
        {job.pid !== null && <span class="text-muted">, pid {job.pid}</span>}
      </td>
      <td class="num">{ready === null ? <Unknown why="never ready" /> : duration(ready)}</td>
      <td class="num">{lasted === null ? <Unknown why="never entered" /> : stopwatch(lasted)}</td>
      <td
        class={job.failure ? `max-w-96 truncate ${job.state === "failed" ? "text-failed" : ""}` : ""}
        title={job.failure?.message}
      >
        {outcomeWords(job) ?? <span class="text-faint">{ready === null ? "starting" : "in the call"}</span>}
        {job.flags.map((flag) => <p key={flag} class="text-xs text-expired">{flagWords(flag)}</p>)}
      </td>
    </tr>
  );
}

/** The stack begins with the message when it has one. */
function errorText({ failure }: JobView, stack: string | undefined): string {
  if (!failure) return "";
  const code = failure.exitCode === null ? "" : `, exit code ${failure.exitCode}`;
  const head = `${failure.message}${code}${failure.signal === null ? "" : `, ${failure.signal}`}`;
  if (stack === undefined) return head;
  return stack.startsWith(failure.message) ? `${head}${stack.slice(failure.message.length)}` : `${head}\n${stack}`;
}

function attemptsWords(attempts: number): string {
  return attempts === 1 ? "one so far" : `${attempts} so far`;
}
