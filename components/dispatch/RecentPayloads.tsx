/** Payloads that were dispatched from this browser, to be put back into the form. */
import { useRef } from "preact/hooks";
import { ago, plural } from "../format.ts";
import { Icon } from "../Icon.tsx";
import type { FormValues } from "./form_values.ts";
import type { RecentPayload } from "./recent_payloads.ts";

interface Props {
  payloads: readonly RecentPayload[];
  /** Those that can be asked for here; the others' payloads are not offered. */
  agents: readonly string[];
  onRestore: (values: FormValues) => void;
  onClear: () => void;
}

export function RecentPayloads({ payloads, agents, onRestore, onClear }: Props) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => {
    menu.current?.removeAttribute("open");
    menu.current?.querySelector("summary")?.focus();
  };
  const offered = payloads.filter(({ values }) => agents.includes(values.agent));
  return (
    <details
      ref={menu}
      class="dropdown dropdown-end noscript:hidden"
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
      }}
    >
      <summary class="btn btn-ghost btn-xs font-normal text-muted">
        <Icon name="i-clock" class="size-3.5" />
        Recent payloads
      </summary>
      <div class="dropdown-content z-40 mt-1 w-80 max-w-[calc(100vw-4rem)] rounded-box border border-base-300 bg-base-100 p-1 shadow-overlay">
        {offered.length === 0
          ? (
            <p class="px-3 py-2 text-muted">
              {payloads.length === 0
                ? "None yet. What you dispatch here is kept in this browser."
                : "All of them are for agents that are not known here any more."}
            </p>
          )
          : (
            <ul class="max-h-80 overflow-y-auto">
              {offered.map((payload) => (
                <li key={payload.at}>
                  <button
                    type="button"
                    class="grid w-full cursor-pointer grid-cols-[minmax(0,1fr)_auto] gap-x-2 rounded-selector px-3 py-1.5 text-left hover:bg-hover"
                    onClick={() => {
                      onRestore(payload.values);
                      close();
                    }}
                  >
                    <span class="truncate font-semibold">{payload.values.agent} in {payload.values.room}</span>
                    <span class="text-xs text-muted">{ago(payload.at, Date.now())}</span>
                    <span class="id col-span-2 truncate text-xs text-muted">{metadataText(payload.values)}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
        {payloads.length > 0 && (
          <button type="button" class="btn btn-ghost btn-xs m-1 font-normal text-muted" onClick={onClear}>
            <Icon name="i-x" class="size-3.5" />
            Clear {plural(payloads.length, "payload")}
          </button>
        )}
      </div>
    </details>
  );
}

function metadataText({ metadataAs, fields, json }: FormValues): string {
  if (metadataAs === "json") return json.trim() === "" ? "no metadata" : json.replace(/\s+/g, " ");
  const given = Object.entries(fields).filter(([, value]) => value !== "");
  return given.length === 0 ? "no metadata" : given.map(([name, value]) => `${name} ${value}`).join(", ");
}
