/** What was said and sent in the room, oldest first, and a line to send something. */
import { useEffect, useRef, useState } from "preact/hooks";
import { FilterButtons } from "../FilterButtons.tsx";
import { duration, stopwatch } from "../format.ts";
import type { RoomLine } from "./types.ts";

const FILTERS = [["all", "All"], ["speech", "Speech"], ["data", "Data"]] as const;
type Filter = typeof FILTERS[number][0];

const ROW = "grid grid-cols-[2.5rem_5.5rem_minmax(0,1fr)] gap-x-3 px-4 py-1 max-sm:grid-cols-[2.5rem_minmax(0,1fr)] " +
  "max-sm:[&>:last-child]:col-start-2";

export function RoomLog({ lines }: { lines: readonly RoomLine[] }) {
  const [filter, setFilter] = useState<Filter>("all");
  const list = useRef<HTMLDivElement>(null);
  const shown = lines.filter(({ kind }) => filter === "all" || kind === filter);
  // Follows the newest line, unless the reader has scrolled away from it.
  const isFollowing = useRef(true);
  useEffect(() => {
    if (isFollowing.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines, filter]);
  return (
    <>
      <div class="flex items-center gap-3 px-4 pt-3 pb-1">
        <h3 class="font-semibold">In the room</h3>
        <FilterButtons label="Show" class="ml-auto" options={FILTERS} value={filter} onChange={setFilter} />
      </div>
      <div
        ref={list}
        role="log"
        aria-live="off"
        aria-label="Speech and data in the room"
        tabIndex={0}
        class="max-h-72 min-h-24 overflow-y-auto pb-3"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isFollowing.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {shown.length === 0
          ? (
            <p class="px-4 py-2 text-muted">
              {lines.length === 0 ? "Nothing was said or sent yet." : "Nothing of that kind yet."}
            </p>
          )
          : <ol>{shown.map((line) => <Line key={line.key} line={line} />)}</ol>}
      </div>
    </>
  );
}

function Line({ line: { atMs, kind, from, isOwn, topic, text, afterMs } }: { line: RoomLine }) {
  const voice = kind === "greenroom" ? "text-placed" : isOwn ? "text-muted" : "font-semibold";
  return (
    <li class={ROW}>
      <span class="id leading-5 text-faint">{stopwatch(atMs)}</span>
      <span class={`truncate ${voice}`} title={from}>{from}</span>
      <span class="wrap-anywhere">
        {topic !== null && (
          <>
            <code class="id">{topic}</code>
            {" "}
          </>
        )}
        {text}
        {afterMs !== null && <span class="ml-2 text-xs text-muted">after {duration(afterMs)}</span>}
      </span>
    </li>
  );
}

interface SendFormProps {
  /** Null, or why it could not be sent. */
  send: (topic: string, text: string) => Promise<string | null>;
}

export function SendForm({ send }: SendFormProps) {
  const [topic, setTopic] = useState("chat");
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (text === "") return;
    const refusal = await send(topic, text);
    setProblem(refusal);
    if (refusal === null) setText("");
  };
  return (
    <form class="border-t border-base-300 p-3" onSubmit={submit}>
      <div class="flex gap-2">
        <label class="sr-only" for="topic">Topic of the message</label>
        <input
          id="topic"
          class="input input-sm id w-24 flex-none"
          maxLength={64}
          value={topic}
          onInput={(event) => setTopic(event.currentTarget.value)}
        />
        <label class="sr-only" for="say">Text or data to send into the room</label>
        <input
          id="say"
          class="input input-sm min-w-0 flex-1"
          placeholder="Send text into the room"
          autocomplete="off"
          aria-describedby={problem === null ? undefined : "say-problem"}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class="btn btn-quiet btn-sm" type="submit">Send text</button>
      </div>
      {problem !== null && <p id="say-problem" role="alert" class="mt-1 text-xs text-failed">{problem}</p>}
    </form>
  );
}
