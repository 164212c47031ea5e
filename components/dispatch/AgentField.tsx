import { duration, plural } from "../format.ts";
import type { AgentChoice } from "./form_values.ts";

interface Props {
  agents: readonly AgentChoice[];
  value: string;
  error: string | undefined;
  onChange: (agent: string) => void;
}

/** Without JavaScript "Show its fields" loads the page with the chosen agent's form. */
export function AgentField({ agents, value, error, onChange }: Props) {
  const agent = agents.find(({ name }) => name === value);
  return (
    <div>
      <label class="mb-1.5 block font-semibold" for="agent">Agent</label>
      <div class="flex gap-2">
        <select
          id="agent"
          name="agent"
          class={`select w-full ${error === undefined ? "" : "border-error"}`}
          aria-describedby="agent-about"
          aria-invalid={error !== undefined}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {agents.map(({ name }) => <option key={name} value={name} selected={name === value}>{name}</option>)}
        </select>
        <button class="btn btn-quiet hidden noscript:inline-flex" type="submit" formMethod="get" formNoValidate>
          Show its fields
        </button>
      </div>
      <p id="agent-about" class={`mt-1.5 text-xs ${error === undefined ? "text-muted" : "text-failed"}`}>
        {error ?? (agent ? aboutAgent(agent) : "No agent has run here yet: put a file into the agents folder.")}
      </p>
    </div>
  );
}

function aboutAgent({ state, free, warm, usualReadyMs }: AgentChoice): string {
  if (state === "broken") return "Its file does not load: a dispatch waits until that is mended.";
  if (state === "not_hosted") return "No running instance hosts it: a dispatch waits until one does.";
  if (state === "loading") return "It is still being loaded.";
  if (state === "unknown") return "The instance that hosts it has not been heard of for some seconds.";
  if (free === null || warm === null) return "How many calls fit is not known now.";
  const room = free === 0
    ? "No slot is free: a dispatch waits."
    : `${plural(warm, "warm slot")}, ${plural(free, "more call fits", "more calls fit")}.`;
  return usualReadyMs === null ? room : `${room} Usually ready in ${duration(usualReadyMs)}.`;
}
