/** Puts a rendered page together: doctype, head, hidden slots, island state and scripts. */
import { cloneElement, type ComponentChildren } from "preact";
import { flattenHead, type HeadElement, identityOf, KEY_ATTRIBUTE } from "./head_elements.ts";
import { serializeState } from "./island_props.ts";
import type { Build } from "./build.ts";
import { STATE_ID } from "./markers.ts";
import { HEAD_PLACE, type RenderSession } from "./render_session.ts";

/** Path at which a development server says that it lives; `live_reload.js` listens to it. */
export const LIVE_RELOAD_SCRIPT = "/_fresh/live_reload.js";

/** The document, and the value of its `Link` header ("" when the page needs no script). */
export function assembleDocument(
  session: RenderSession,
  html: string,
  build: Build,
  basePath: string,
): { text: string; preload: string } {
  const hiddenSlots = session.renderHiddenSlots();
  const needsScript = session.islands.length > 0 || session.partials.size > 0 || session.hasClientNavigation;
  const scripts = needsScript && build.client !== null ? pageScripts(session, build, basePath) : "";
  const liveReload = build.fileByPath.has(LIVE_RELOAD_SCRIPT)
    ? `<script type="module" src="${basePath}${LIVE_RELOAD_SCRIPT}"></script>`
    : "";
  const head = session.render(mergeHead(session.ownHead, session.headElements));
  const text = "<!DOCTYPE html>" + beforeBodyEnd(placeHead(html, head), hiddenSlots + scripts + liveReload);
  return { text, preload: scripts === "" ? "" : preloadHeader(session, build, basePath) };
}

function pageScripts({ islands }: RenderSession, build: Build, basePath: string): string {
  const located = islands.map((island) => ({ ...island, src: basePath + island.src }));
  const state = serializeState({ buildId: build.id, islands: located });
  return `<script type="application/json" id="${STATE_ID}">${state}</script>` +
    `<script type="module" src="${basePath}${build.client}"></script>`;
}

function preloadHeader({ islands }: RenderSession, build: Build, basePath: string): string {
  const used = new Set([build.client ?? "", ...islands.map(({ src }) => src)]);
  for (const src of used) for (const imported of build.imports[src] ?? []) used.add(imported);
  return [...used].map((src) => `<${basePath}${src}>; rel="modulepreload"; as="script"`).join(", ");
}

/** The app's own elements, then those of `<Head>`: each takes the place of the element it stands for. */
function mergeHead(own: ComponentChildren, added: readonly HeadElement[]): ComponentChildren {
  const merged = flattenHead(own);
  for (const element of added) {
    const identity = identityOf(element);
    const place = identity === null ? -1 : merged.findIndex((other) => identityOf(other) === identity);
    if (place === -1) merged.push(element);
    else merged[place] = element;
  }
  return merged.map((element) =>
    element.key == null ? element : cloneElement(element, { [KEY_ATTRIBUTE]: String(element.key) })
  );
}

function placeHead(html: string, head: string): string {
  const place = html.indexOf(HEAD_PLACE);
  if (place !== -1) return html.slice(0, place) + head + html.slice(place + HEAD_PLACE.length);
  const opening = /^\s*<html(\s[^>]*)?>/i.exec(html)?.[0];
  if (opening === undefined) return `<html><head><meta charset="utf-8">${head}</head><body>${html}</body></html>`;
  return head === "" ? html : `${opening}<head>${head}</head>${html.slice(opening.length)}`;
}

function beforeBodyEnd(html: string, tail: string): string {
  const end = html.lastIndexOf("</body>");
  return end === -1 ? html + tail : html.slice(0, end) + tail + html.slice(end);
}
