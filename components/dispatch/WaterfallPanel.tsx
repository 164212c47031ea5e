import { duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import type { Waterfall } from "./waterfall.ts";

const TICKS = [0, 25, 50, 75, 100];

/** From the request to ready, to scale; waiting is hatched. */
export function WaterfallPanel({ waterfall: { rows, endMs }, note }: { waterfall: Waterfall; note: string }) {
  if (rows.length === 0) return null;
  return (
    <Panel id="trace" title="Trace" class="panel overflow-hidden" aside={note}>
      <div class="wf wf-axis min-h-7" aria-hidden="true">
        <span></span>
        <span class="flex justify-between">
          {TICKS.map((tick) => (
            <span key={tick} class={tick % 100 === 0 ? "" : "max-md:hidden"}>{duration(endMs * tick / 100)}</span>
          ))}
        </span>
        <span></span>
      </div>
      <div class="pb-2">
        {rows.map(({ key, name, depth, left, width, durationMs, isCut, colour, isWait }) => (
          <div class="wf" key={key}>
            <span class={depth === 0 ? "wf-name font-semibold" : "wf-name"} style={`--d: ${depth}`} title={name}>
              {name}
            </span>
            <span class="wf-track">
              {TICKS.map((tick) => <i key={tick} class="wf-tick" style={`left: ${tick}%`}></i>)}
              <i
                class={isWait ? "wf-bar wf-wait" : "wf-bar"}
                style={`--l: ${left.toFixed(2)}; --w: ${width.toFixed(2)}; --k: ${colour}`}
              >
              </i>
            </span>
            <span class="num" title={isCut ? "goes on after the right edge" : undefined}>{duration(durationMs)}</span>
          </div>
        ))}
      </div>
    </Panel>
  );
}
