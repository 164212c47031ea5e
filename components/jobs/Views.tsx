import { count } from "../format.ts";
import { jobsHref, queryText, type Term } from "./query.ts";

const state = (...values: string[]): Term[] => values.map((value) => ({ key: "state", value }));
const VIEWS = [
  { name: "All", terms: [] },
  { name: "Live", terms: state("placed", "running") },
  { name: "Waiting", terms: state("queued") },
  { name: "Failed", terms: state("failed") },
  { name: "Cancelled", terms: state("cancelled") },
  { name: "Expired", terms: state("expired") },
];
const KEYS = [
  { word: "starts", colour: "var(--chart-6)" },
  { word: "connects", colour: "var(--chart-1)" },
  { word: "gets ready", colour: "var(--chart-3)" },
];

/** Searches that are asked for often, with a count where one is known; beside them what the strips' colours mean. */
export function Views({ terms, counts }: { terms: Term[]; counts: Record<string, number> }) {
  const others = terms.filter(({ key }) => key !== "state");
  const chosen = queryText(terms.filter(({ key }) => key === "state"));
  return (
    <div class="flex flex-wrap items-end gap-x-4 gap-y-2">
      <nav class="scroll-x flex min-w-0 gap-1 p-px" aria-label="Views">
        {VIEWS.map((view) => {
          const isCurrent = queryText(view.terms) === chosen;
          return (
            <a
              key={view.name}
              href={jobsHref([...view.terms, ...others])}
              aria-current={isCurrent ? "true" : "false"}
              class={`flex h-8 flex-none items-center gap-1.5 rounded-field px-2.5 ${
                isCurrent ? "bg-base-100 font-semibold ring-1 ring-base-300" : "text-muted hover:bg-hover"
              }`}
            >
              {view.name}
              {counts[view.name] !== undefined && (
                <span class="text-xs font-normal text-muted">{count(counts[view.name] ?? 0)}</span>
              )}
            </a>
          );
        })}
      </nav>
      <div class="legend ml-auto pb-1.5 max-lg:hidden">
        <span>
          <i class="stages w-4">
            <i class="stage" data-k="wait"></i>
          </i>waits
        </span>
        {KEYS.map(({ word, colour }) => (
          <span key={word}>
            <i class="key" style={`--k: ${colour}; border-top-width: 6px`}></i>
            {word}
          </span>
        ))}
      </div>
    </div>
  );
}
