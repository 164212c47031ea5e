/**
 * Cordon, drain and their undoing. Each is a plain form as well: without JavaScript the page's own POST does it. What ends
 * calls asks first and says how many; what can be undone by one click does not.
 */
import type { ComponentChildren } from "preact";
import { AskMenu } from "../Ask.tsx";
import { plural } from "../format.ts";
import type { OverviewInstance } from "../overview/types.ts";

/** What the form says: `action`, `id` and, to drain, `minutes`. */
export type Act = (form: FormData) => void;

interface Props {
  instance: OverviewInstance;
  drainTimeoutMs: number;
  /** Agents that take no calls here because they asked for it. */
  stoppedAgents: readonly string[];
  csrf: string;
  onAct: Act;
}

/** On a phone the menus hang from the row's left edge: from their button they would leave the screen. */
const ROW = "relative flex flex-wrap gap-2";
const MS_PER_MINUTE = 60_000;
const MAX_MINUTES = 1_440;

export function InstanceActions({ instance, drainTimeoutMs, stoppedAgents, csrf, onAct }: Props) {
  const { id, hostname, state, liveJobs } = instance;
  const shared = { id, csrf, onAct };
  const calls = plural(liveJobs, "call");
  if (state === "draining") {
    return (
      <div class={ROW}>
        <ActionForm {...shared} action="uncordon">
          <button type="submit" class="btn btn-quiet btn-xs">
            {liveJobs > 0 ? "Stop draining" : "Take calls again"}
          </button>
        </ActionForm>
        {liveJobs > 0 && (
          <AskMenu id={`end-${id}`} label={`End ${calls} now`} isDanger>
            <p>
              {hostname} leaves {liveJobs === 1 ? "its call" : `all ${calls}`}{" "}
              now. Who is there hears nobody from it any more.
            </p>
            <ActionForm {...shared} action="drain">
              <input type="hidden" name="minutes" value="0" />
              <button type="submit" class="btn btn-error btn-sm">Yes, end {calls} now</button>
            </ActionForm>
          </AskMenu>
        )}
      </div>
    );
  }
  if (state !== "running" && state !== "cordoned") return null;
  return (
    <div class={ROW}>
      {state === "running" && stoppedAgents.length > 0 && (
        <ActionForm {...shared} action="uncordon">
          <button type="submit" class="btn btn-quiet btn-xs">
            {`Let ${stoppedAgents.join(", ")} take calls again`}
          </button>
        </ActionForm>
      )}
      <ActionForm {...shared} action={state === "cordoned" ? "uncordon" : "cordon"}>
        <button type="submit" class="btn btn-quiet btn-xs">{state === "cordoned" ? "Uncordon" : "Cordon"}</button>
      </ActionForm>
      <AskMenu
        id={`drain-${id}`}
        label={liveJobs === 0 ? "Drain" : `Drain, ${calls} end${liveJobs === 1 ? "s" : ""} first`}
      >
        <ActionForm {...shared} action="drain" class="grid gap-3">
          <p>
            {hostname} takes no new calls.{" "}
            {liveJobs > 0 && `Its ${calls} may end until the deadline; what is left then is ended. `}
            What waits in the queue stays there.
          </p>
          <label class="grid gap-1 font-semibold">
            Deadline, minutes from now
            <input
              class="input w-28"
              type="number"
              name="minutes"
              min="0"
              max={MAX_MINUTES}
              step="any"
              required
              defaultValue={String(Math.round(drainTimeoutMs / MS_PER_MINUTE * 10) / 10)}
            />
          </label>
          <button type="submit" class="btn btn-primary btn-sm justify-self-start">
            Drain {hostname}
          </button>
        </ActionForm>
      </AskMenu>
    </div>
  );
}

export function ActionForm(
  { id, csrf, action, onAct, class: className, children }: {
    id: string;
    csrf: string;
    action: "cordon" | "uncordon" | "drain";
    onAct: Act;
    class?: string;
    children: ComponentChildren;
  },
) {
  return (
    <form
      method="post"
      action="/workers"
      class={className}
      onSubmit={(event) => {
        event.preventDefault();
        onAct(new FormData(event.currentTarget));
        event.currentTarget.closest("details")?.removeAttribute("open");
      }}
    >
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="id" value={id} />
      <input type="hidden" name="action" value={action} />
      {children}
    </form>
  );
}
