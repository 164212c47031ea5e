/**
 * Buttons that ask first: they open what happens then, and the form that does it. Without JavaScript as well; `onSubmit`
 * does it in place.
 */
import { IS_BROWSER } from "fresh/runtime";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

const MENU = "dropdown-content z-40 mt-1 grid w-80 max-w-[calc(100vw-3rem)] gap-3 rounded-box border " +
  "border-base-300 bg-base-100 p-4 text-left text-sm text-base-content shadow-overlay max-md:right-auto max-md:left-0";

interface MenuProps {
  /** Of one menu in the page. */
  id: string;
  label: string;
  isDanger?: boolean;
  children: ComponentChildren;
}

/** Opens over the page. On a phone it hangs from the left edge of what is positioned around it. */
export function AskMenu({ id, label, isDanger = false, children }: MenuProps) {
  return (
    <details id={id} open={useOpenBefore(id)} class="dropdown dropdown-end max-md:static">
      <summary class={`btn btn-xs ${isDanger ? "btn-danger" : "btn-quiet"}`}>{label}</summary>
      <div class={MENU}>{children}</div>
    </details>
  );
}

interface RowProps {
  /** Of one row in the page. */
  id: string;
  /** "Delete": what is asked. */
  verb: string;
  /** What it is done to. */
  name: string;
  action: string;
  /** Sent with the form. */
  fields: Record<string, string>;
  onSubmit?: () => void;
  /** What happens then. */
  children: ComponentChildren;
}

/** Opens inside a table's row. */
export function AskInRow({ id, verb, name, action, fields, onSubmit, children }: RowProps) {
  const submit = onSubmit && ((event: Event) => {
    event.preventDefault();
    onSubmit();
  });
  return (
    <details id={id} open={useOpenBefore(id)} class="inline-block text-left">
      <summary class="btn btn-danger btn-xs" aria-label={`${verb} ${name}`}>{verb}</summary>
      <form method="post" action={action} class="grid max-w-72 gap-2 py-2 whitespace-normal" onSubmit={submit}>
        {Object.entries(fields).map(([key, value]) => <input key={key} type="hidden" name={key} value={value} />)}
        <p>{children}</p>
        <p class="flex flex-wrap gap-2">
          <button type="submit" class="btn btn-error btn-sm">{verb} {name} now</button>
          {onSubmit && (
            <button type="button" class="btn btn-quiet btn-sm noscript:hidden" onClick={closeDetails}>Keep it</button>
          )}
        </p>
      </form>
    </details>
  );
}

/** Whether it was opened before its island came alive, which would close it: an island takes away what it did not set. */
function useOpenBefore(id: string): boolean {
  return useState(() => IS_BROWSER && document.getElementById(id)?.hasAttribute("open") === true)[0];
}

function closeDetails(event: Event): void {
  (event.currentTarget as HTMLElement).closest("details")?.removeAttribute("open");
}
