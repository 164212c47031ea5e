/** Copies a text and says so in its own words; for islands. */
import { useState } from "preact/hooks";
import { Icon } from "./Icon.tsx";

const SAID_MS = 2_000;

export function CopyButton(
  { label, text, class: className = "btn btn-ghost btn-sm" }: { label: string; text: () => string; class?: string },
) {
  const [word, setWord] = useState(label);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setWord("Copied");
    } catch {
      setWord("Can't copy here"); // the browser refuses: no permission, or no secure origin
    }
    setTimeout(() => setWord(label), SAID_MS);
  };
  return (
    <button type="button" class={`${className} noscript:hidden`} onClick={copy}>
      <Icon name="i-copy" />
      <span aria-live="polite">{word}</span>
    </button>
  );
}
