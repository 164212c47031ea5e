/** Brings the elements of an island's `<Head>` into the live document. */
import type { ComponentChildren } from "preact";
import { flattenHead, type HeadElement, identityOf, identityOfAttributes, KEY_ATTRIBUTE } from "./head_elements.ts";

export function updateLiveHead(children: ComponentChildren): void {
  for (const element of flattenHead(children)) {
    const identity = identityOf(element);
    if (identity === null) continue;
    const live = [...document.head.children].find((candidate) => liveIdentity(candidate) === identity);
    const target = live ?? document.head.appendChild(document.createElement(element.type as string));
    applyProps(target, element);
  }
}

function liveIdentity(element: Element): string {
  const tag = element.localName;
  const key = element.getAttribute(KEY_ATTRIBUTE);
  if (tag === "title") return "title";
  if (key !== null) return `${tag} key=${key}`;
  return identityOfAttributes(tag, [...element.attributes].map(({ name, value }) => [name, value]));
}

function applyProps(target: Element, { key, props }: HeadElement): void {
  if (key != null) target.setAttribute(KEY_ATTRIBUTE, String(key));
  for (const [name, value] of Object.entries(props)) {
    if (name === "dangerouslySetInnerHTML") target.textContent = String((value as { __html: unknown }).__html);
    else if (name === "children") target.textContent = [value].flat().join("");
    else if (value == null || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? "" : String(value));
  }
}
