/** The search field: chosen qualifiers as tokens, the rest as text, with completion. A plain GET form without JavaScript. */
import { useState } from "preact/hooks";
import { Icon } from "../Icon.tsx";
import { CopyButton } from "../CopyButton.tsx";
import { completionsOf, jobsHref, parseQuery, type Term, textOf } from "./query.ts";

interface Props {
  terms: Term[];
  agents: string[];
}

export function QueryField({ terms, agents }: Props) {
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const completions = completionsOf(text, agents);
  const isShown = isOpen && completions.length > 0;
  const complete = (completion: string) => {
    setText(text.replace(/\S*$/, completion));
    setActive(-1);
  };
  const search = (event: Event) => {
    event.preventDefault();
    location.href = jobsHref([...terms, ...parseQuery(text).terms]);
  };
  const onKey = (event: KeyboardEvent) => {
    const chosen = completions[active];
    if (event.key === "Escape") return setOpen(false);
    if (isShown && chosen !== undefined && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      return complete(chosen);
    }
    if (event.key === "Backspace" && text === "" && terms.length > 0) location.href = jobsHref(terms.slice(0, -1));
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || completions.length === 0) return;
    event.preventDefault();
    setOpen(true);
    setActive((active + step + completions.length) % completions.length);
  };
  return (
    <form role="search" class="flex flex-wrap items-center gap-2" action="/jobs" onSubmit={search}>
      <div class="query relative min-w-0 flex-1 basis-80">
        <Icon name="i-search" class="icon text-muted" />
        {terms.map((term, index) => (
          <span class="token" key={textOf(term)}>
            {term.key !== "" && <span>{term.key}:</span>}
            <span>{term.value}</span>
            <input type="hidden" name="q" value={textOf(term)} />
            <button
              type="submit"
              name="without"
              value={index}
              aria-label={`Remove ${textOf(term)}`}
              onClick={(event) => {
                event.preventDefault();
                location.href = jobsHref(terms.filter((_, other) => other !== index));
              }}
            >
              ×
            </button>
          </span>
        ))}
        <input
          name="q"
          data-search
          aria-label="Search jobs by qualifiers"
          placeholder="state:failed error:timeout meta.customer:42"
          autocomplete="off"
          spellcheck={false}
          role="combobox"
          aria-expanded={isShown}
          aria-controls="completions"
          aria-autocomplete="list"
          aria-activedescendant={isShown && active >= 0 ? `completion-${active}` : undefined}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setOpen(true);
            setActive(-1);
          }}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKey}
        />
        <kbd class="kbd kbd-xs max-sm:hidden" aria-hidden="true">/</kbd>
        <ul
          id="completions"
          role="listbox"
          aria-label="Completions"
          hidden={!isShown}
          class="absolute top-full left-0 z-40 mt-1 w-64 rounded-field border border-base-300 bg-base-100 p-1 shadow-overlay"
        >
          {completions.map((completion, index) => (
            <li
              key={completion}
              id={`completion-${index}`}
              role="option"
              aria-selected={index === active}
              class={`id flex h-8 cursor-pointer items-center rounded-selector px-2 hover:bg-hover ${
                index === active ? "bg-secondary" : ""
              }`}
              onMouseDown={(event) => {
                event.preventDefault(); // the field keeps the focus: one goes on writing
                complete(completion);
              }}
            >
              {completion}
            </li>
          ))}
        </ul>
      </div>
      <button class="btn btn-quiet btn-sm hidden h-9 noscript:inline-flex" type="submit">Search</button>
      <CopyButton label="Copy link" text={() => location.href} class="btn btn-quiet btn-sm h-9" />
    </form>
  );
}
