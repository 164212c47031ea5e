/** The page's answer as a sentence with a number, then what follows from it; beside it the stages to scale. */
import { StageStrip } from "../StageStrip.tsx";
import { glyphOf } from "../State.tsx";
import { duration } from "../format.ts";
import type { DispatchDetails } from "./details.ts";
import { headlineOf } from "./headline.ts";
import { stageSpans } from "./stage_times.ts";

export function AnswerPanel({ details: { dispatch } }: { details: DispatchDetails }) {
  const spans = stageSpans(dispatch.stages);
  const { failure } = dispatch;
  return (
    <section class="panel p-4" aria-labelledby="answer">
      <div class="grid gap-x-10 gap-y-5 xl:grid-cols-[minmax(0,25rem)_minmax(0,1fr)]">
        <div class="flex gap-3.5" data-state={dispatch.state}>
          <svg class="mt-0.5 size-7 flex-none" style="color: var(--c)" aria-hidden="true">
            <use href={`/icons.svg#${glyphOf(dispatch.state)}`} />
          </svg>
          <div class="min-w-0" aria-live="polite">
            <h2 id="answer" class="text-xl font-bold">{headlineOf(dispatch)}</h2>
            <p class="mt-2 text-base wrap-anywhere">{failure?.message ?? sentenceOf(dispatch)}</p>
            {failure?.remedy && (
              <p class="mt-2 text-muted">
                <b class="font-semibold text-base-content">Remedy.</b> {failure.remedy}
              </p>
            )}
          </div>
        </div>
        <div class="min-w-0">
          <h3 class="mb-3 font-semibold">From the request to ready</h3>
          <StageStrip spans={spans} class="stages h-3!" />
          <ol class="mt-3 grid grid-cols-2 gap-y-2 sm:grid-cols-4">
            {spans.map(({ key, word, colour, atMs, lastedMs }) => (
              <li key={key}>
                <span class="flex items-center gap-1.5 font-semibold">
                  <i
                    class="size-2.5 flex-none rounded-[2px]"
                    style={`background: ${atMs === null ? "var(--color-base-300)" : colour}`}
                  >
                  </i>
                  {word}
                </span>
                {atMs === null ? <span class="text-muted">not reached</span> : (
                  <span>
                    +{duration(atMs)} <span class="text-xs text-muted">took {duration(lastedMs)}</span>
                  </span>
                )}
              </li>
            ))}
          </ol>
        </div>
      </div>
    </section>
  );
}

function sentenceOf({ state, jobs, room, agent, stages }: DispatchDetails["dispatch"]): string {
  const reason = jobs.at(-1)?.endReason?.replaceAll("_", " ");
  if (state === "running") {
    return stages.readyAt === null
      ? `${agent} is on its way into ${room}.`
      : `${agent} is in ${room} and can be heard.`;
  }
  if (state === "placed") return "A slot is taken; the agent's entry is called next.";
  if (state === "queued") return "It is stored and runs by itself as soon as it can.";
  if (state === "cancelled") return "It was told to end; the agent has left the room.";
  return reason === undefined ? "It has ended." : `It ended: ${reason}.`;
}
