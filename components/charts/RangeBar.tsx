/** Which time and which agent: links and a form, so that both work without JavaScript and lie in the address. */
import { exactTime } from "../format.ts";
import { timeZone } from "../live/time_zone.ts";
import { type ChartRange, chartsHref, type RangeName, RANGES } from "./range.ts";
import { spanMsOf, stepWords } from "./times.ts";
import type { ChartsData } from "./types.ts";

const WORDS: Record<RangeName, string> = { "1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days" };

export function RangeBar({ data }: { data: ChartsData }) {
  const { range, agent, agents, steps, isPartial } = data;
  const spanMs = spanMsOf(steps);
  const [sinceMs, untilMs] = [steps.sinceMs, steps.sinceMs + spanMs];
  const moved = (byMs: number): ChartRange => ({ kind: "between", sinceMs: sinceMs + byMs, untilMs: untilMs + byMs });
  return (
    <section class="panel flex flex-wrap items-center gap-x-4 gap-y-3 px-4 py-2.5" aria-label="What the charts show">
      <span class="join" role="group" aria-label="Range">
        {RANGES.map((name) => (
          <a
            key={name}
            class="btn btn-seg btn-sm join-item"
            href={chartsHref({ kind: "last", name }, agent)}
            aria-current={range.kind === "last" && range.name === name ? "true" : "false"}
          >
            {name}
          </a>
        ))}
      </span>
      <p class="min-w-0 text-muted">
        {range.kind === "last" ? `The ${WORDS[range.name]}` : <Between sinceMs={sinceMs} untilMs={untilMs} />}, in steps
        of {stepWords(steps.stepMs)}.
      </p>
      <nav class="flex gap-2" aria-label="Move in time">
        <a class="btn btn-quiet btn-sm" href={chartsHref(moved(-spanMs), agent)}>Earlier</a>
        {!isPartial && <a class="btn btn-quiet btn-sm" href={chartsHref(moved(spanMs), agent)}>Later</a>}
      </nav>
      <form class="ml-auto flex items-center gap-2" action="/charts" method="get">
        {range.kind === "last" ? <input type="hidden" name="range" value={range.name} /> : (
          <>
            <input type="hidden" name="since" value={new Date(range.sinceMs).toISOString()} />
            <input type="hidden" name="until" value={new Date(range.untilMs).toISOString()} />
          </>
        )}
        <label class="text-muted" for="charts-agent">Agent</label>
        <select
          id="charts-agent"
          class="select select-sm w-40"
          name="agent"
          onChange={(event) =>
            event.currentTarget.form?.requestSubmit()}
        >
          <option value="" selected={agent === null}>All agents</option>
          {[...new Set([...agents, ...(agent === null ? [] : [agent])])].map((name) => (
            <option key={name} value={name} selected={name === agent}>{name}</option>
          ))}
        </select>
        <noscript>
          <button type="submit" class="btn btn-quiet btn-sm">Show</button>
        </noscript>
      </form>
    </section>
  );
}

function Between({ sinceMs, untilMs }: { sinceMs: number; untilMs: number }) {
  const zone = timeZone.value;
  const words = (ms: number) => exactTime(new Date(ms), zone).slice(0, 16);
  return (
    <>
      {words(sinceMs)} to {words(untilMs)} {exactTime(new Date(untilMs), zone).slice(24)}
    </>
  );
}
