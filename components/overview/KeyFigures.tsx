import type { ComponentChildren } from "preact";
import { Spark } from "../charts/Spark.tsx";
import { count, duration, plural, splitDuration } from "../format.ts";
import { Unknown } from "../Unknown.tsx";
import type { OverviewData } from "./types.ts";

export function KeyFigures({ data: { overview, history } }: { data: OverviewData }) {
  const { queue, lastHour, ready, losses } = overview;
  const silence = splitDuration(losses.deadAirMs);
  const stillSilent = losses.open > 0 ? `, ${count(losses.open)} not replaced yet` : "";
  const peak = Math.max(0, ...history.calls.map((value) => value ?? 0));
  const p50 = ready.p50Ms === null ? null : splitDuration(ready.p50Ms);
  return (
    <dl
      class="panel grid divide-base-300 max-sm:divide-y sm:grid-cols-2 lg:grid-cols-5 lg:divide-x"
      aria-label="Key figures"
    >
      <Figure
        label="Live calls"
        spark={<Spark values={history.calls} colour="var(--chart-3)" />}
        note={`peak of the last hour ${count(Math.ceil(Math.max(peak, overview.liveCalls)))}`}
      >
        <a class="row-link" href="/jobs?q=state%3Arunning">{count(overview.liveCalls)}</a>
      </Figure>
      <Figure
        label="Waiting for an agent"
        spark={<Spark values={history.waiting} colour="var(--chart-6)" />}
        note={
          <>
            oldest wait {queue.oldestWaitMs === null ? <Unknown why="nobody waits" /> : duration(queue.oldestWaitMs)}
          </>
        }
      >
        <a class="row-link" href="/jobs?q=state%3Aqueued">{queue.isCapped ? "10,000+" : count(queue.depth)}</a>
      </Figure>
      <Figure
        label="Succeeded in the last hour"
        spark={<Spark values={history.succeeded} colour="var(--chart-3)" />}
        note={
          <>
            {lastHour.failed > 0
              ? (
                <a class="row-link font-semibold text-failed" href="/recover">
                  {lastHour.isCapped ? "10,000+" : count(lastHour.failed)} failed
                </a>
              )
              : "0 failed"} · {count(lastHour.cancelled)} cancelled
          </>
        }
      >
        {count(lastHour.succeeded)}
      </Figure>
      <Figure
        label="Dispatch to ready, last hour"
        spark={<Spark values={history.readyP50} colour="var(--chart-1)" />}
        note={ready.p95Ms === null ? "no dispatch became ready" : `p95 ${duration(ready.p95Ms)}`}
      >
        {p50 === null ? <Unknown why="no dispatch became ready" /> : (
          <>
            {p50.figure}
            <span class="unit">{p50.unit} p50</span>
          </>
        )}
      </Figure>
      <Figure
        label="Dead air, last hour"
        spark={null}
        note={losses.losses === 0 ? "no agent was lost" : `${plural(losses.losses, "agent")} lost${stillSilent}`}
      >
        {silence.figure}
        <span class="unit">{silence.unit}</span>
      </Figure>
    </dl>
  );
}

function Figure(
  { label, spark, note, children }: {
    label: string;
    spark: ComponentChildren;
    note: ComponentChildren;
    children: ComponentChildren;
  },
) {
  return (
    <div class="grid grid-cols-[minmax(0,1fr)_auto] content-start gap-x-3 px-4 py-3.5">
      <dt class="stat-label col-span-2">{label}</dt>
      <dd class="stat-value">{children}</dd>
      <dd class="self-center lg:max-xl:hidden">{spark}</dd>
      <dd class="col-span-2 mt-0.5 text-xs text-muted">{note}</dd>
    </div>
  );
}
