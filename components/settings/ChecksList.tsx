/** Doctor's findings: what was looked at, what was seen, and what to do. */
import { State } from "../State.tsx";
import type { CheckReport } from "./types.ts";

const STATES = {
  ok: { state: "serving", word: "ok" },
  warn: { state: "attention", word: "look at it" },
  failed: { state: "failed", word: "failed" },
  skipped: { state: "unknown", word: "skipped" },
} as const;

export function ChecksList({ results }: { results: CheckReport["results"] }) {
  return (
    <ul class="divide-y divide-base-300">
      {results.map(({ name, status, message, remedy }, index) => (
        <li
          key={index}
          class="grid gap-x-4 gap-y-1 px-4 py-2.5 md:grid-cols-[7rem_12rem_minmax(0,1fr)]"
          data-check={status}
        >
          <span>
            <State {...STATES[status]} />
          </span>
          <b class="font-semibold wrap-anywhere">{name}</b>
          <span class="min-w-0 wrap-anywhere">
            <Message text={message} />
            {remedy !== undefined && (
              <span class="block text-muted">
                <b class="font-semibold text-base-content">Remedy.</b> {remedy}
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What an agent's file throws has a stack; its first line is the message. */
function Message({ text }: { text: string }) {
  const [first = "", ...rest] = text.split("\n");
  if (rest.length === 0) return <>{first}</>;
  return (
    <>
      {first}
      <details>
        <summary class="cursor-pointer text-muted">Stack</summary>
        <pre class="id max-h-60 overflow-auto whitespace-pre-wrap" tabIndex={0}>{rest.join("\n")}</pre>
      </details>
    </>
  );
}

/** "2 failed, 1 to look at, 14 ok". */
export function summaryOf(results: CheckReport["results"]): string {
  const count = (status: string) => results.filter((result) => result.status === status).length;
  return [[count("failed"), "failed"], [count("warn"), "to look at"], [count("ok"), "ok"], [
    count("skipped"),
    "skipped",
  ]]
    .filter(([amount]) => amount !== 0).map(([amount, word]) => `${amount} ${word}`).join(", ");
}
