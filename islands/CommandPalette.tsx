/**
 * Search or jump (Ctrl-K), the sheet of keys (?), and the keys themselves: `/` goes to the page's search field, `g` and a
 * letter to a page.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { NAVIGATION } from "../components/layout/navigation.ts";

/** Between `g` and the letter. */
const CHORD_MS = 1_500;

export default function CommandPalette() {
  const palette = useRef<HTMLDialogElement>(null);
  const sheet = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const open = () => {
    setQuery("");
    palette.current?.showModal();
  };
  useEffect(() => listenToKeys({ openPalette: open, openSheet: () => sheet.current?.showModal() }), []);
  const matches = NAVIGATION.filter(({ title }) => title.toLowerCase().includes(query.trim().toLowerCase()));
  const go = (event: Event) => {
    event.preventDefault();
    const [first] = matches;
    if (query.trim() === "" && !first) return;
    location.href = first ? first.href : `/jobs?q=${encodeURIComponent(query.trim())}`;
  };
  return (
    <>
      <button
        type="button"
        class="btn btn-sm hidden w-60 justify-start gap-2 border-base-300 bg-base-100 px-2.5 font-normal text-muted lg:flex noscript:hidden"
        onClick={open}
      >
        <Icon name="i-search" />Search or jump to<span class="ml-auto flex gap-1">
          <kbd class="kbd kbd-xs">Ctrl</kbd>
          <kbd class="kbd kbd-xs">K</kbd>
        </span>
      </button>
      <button
        type="button"
        class="btn btn-ghost btn-sm btn-square lg:hidden noscript:hidden"
        aria-label="Search or jump to"
        onClick={open}
      >
        <Icon name="i-search" />
      </button>
      <dialog
        ref={palette}
        aria-label="Search or jump to"
        class="m-auto mt-24 w-full max-w-lg rounded-box border border-base-300 bg-base-100 p-0 text-base-content shadow-overlay backdrop:bg-base-content/30"
      >
        <form onSubmit={go}>
          <label class="sr-only" for="palette">Page, or words to search jobs for</label>
          <input
            id="palette"
            class="input w-full rounded-b-none border-x-0 border-t-0"
            placeholder="Page, or words to search jobs for"
            autocomplete="off"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
          <ul class="p-2">
            {matches.map((item, index) => (
              <li key={item.href}>
                <a
                  class={index === 0 ? "nav-item bg-secondary text-base-content!" : "nav-item"}
                  href={item.href}
                  aria-current="false"
                >
                  <Icon name={item.icon} />
                  {item.title}
                  <span class="n">
                    <kbd class="kbd kbd-xs">g</kbd> <kbd class="kbd kbd-xs">{item.key}</kbd>
                  </span>
                </a>
              </li>
            ))}
            {matches.length === 0 && <li class="px-2.5 py-1.5 text-muted">Enter searches jobs for “{query.trim()}”.
            </li>}
          </ul>
        </form>
      </dialog>
      <dialog
        ref={sheet}
        aria-label="Keys"
        class="m-auto w-full max-w-sm rounded-box border border-base-300 bg-base-100 p-4 text-base-content shadow-overlay backdrop:bg-base-content/30"
      >
        <h2 class="mb-3 text-base font-semibold">Keys</h2>
        <dl class="facts">
          <Key keys={["Ctrl", "K"]} text="Search or jump to" />
          <Key keys={["/"]} text="Go to the search field" />
          <Key keys={["?"]} text="This sheet" />
          {NAVIGATION.map(({ href, key, title }) => <Key key={href} keys={["g", key]} text={title} />)}
        </dl>
        <form method="dialog" class="mt-4">
          <button type="submit" class="btn btn-quiet btn-sm">Close</button>
        </form>
      </dialog>
    </>
  );
}

function Key({ keys, text }: { keys: string[]; text: string }) {
  return (
    <>
      <dt>{keys.map((key) => <kbd class="kbd kbd-xs mr-1" key={key}>{key}</kbd>)}</dt>
      <dd>{text}</dd>
    </>
  );
}

function listenToKeys({ openPalette, openSheet }: { openPalette: () => void; openSheet: () => void }): () => void {
  let chordUntilMs = 0;
  const onKey = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return openPalette();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const isChord = event.timeStamp < chordUntilMs;
    chordUntilMs = event.key === "g" ? event.timeStamp + CHORD_MS : 0;
    if (event.key === "?") return openSheet();
    if (event.key === "/") {
      const field = document.querySelector<HTMLInputElement>("[data-search]");
      event.preventDefault();
      return field ? field.focus() : openPalette();
    }
    const target = isChord ? NAVIGATION.find(({ key }) => key === event.key) : undefined;
    if (target) location.href = target.href;
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.closest("input, textarea, select, dialog") !== null);
}
