/**
 * Client navigation. A click on a same-origin link inside `f-client-nav` fetches the page, and each partial of this page
 * is replaced by the one of its name there. URL, title, links and history follow. Whatever does not fit (no partial in
 * common, another origin, no HTML, no network) becomes an ordinary page load.
 */
import { linkAttributes, placeOfLink } from "../links.ts";
import { findRoots, mountIsland, readPage, unmountIslands } from "./page.ts";
import { containsNode, type MarkedRange, nodesOf, rangeAt } from "./range.ts";

const PARTIAL_PARAM = "fresh-partial";

/** Kept with each entry of the browser's history that we made or left. */
interface EntryState {
  fresh: { fetchUrl: string; scroll: [number, number] };
}

let underWay: AbortController | null = null;
/** Path and query of what is shown; `location` is ahead of it while Back is under way. */
let shown = location.pathname + location.search;

export function startNavigation(): void {
  document.addEventListener("click", (event) => {
    const link = linkToFollow(event);
    if (link === null) return;
    event.preventDefault();
    const fetchUrl = new URL(link.getAttribute("f-partial") ?? link.href, location.href);
    navigate(new URL(link.href), fetchUrl, "push").catch(reportError);
  });
  addEventListener("popstate", (event) => {
    if (location.pathname + location.search === shown) return; // Only the hash differs: the browser has done it.
    const state = (event.state as EntryState | null)?.fresh;
    const fetchUrl = new URL(state?.fetchUrl ?? location.href, location.href);
    navigate(new URL(location.href), fetchUrl, state?.scroll ?? [0, 0]).catch(reportError);
  });
}

function linkToFollow(event: MouseEvent): HTMLAnchorElement | null {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!(link instanceof HTMLAnchorElement) || !link.hasAttribute("href") || link.hasAttribute("download")) return null;
  if (link.origin !== location.origin || (link.target !== "" && link.target !== "_self")) return null;
  if (link.hash !== "" && link.pathname + link.search === location.pathname + location.search) return null;
  const setting = link.closest("[f-client-nav]")?.getAttribute("f-client-nav");
  return setting == null || setting === "false" ? null : link;
}

/** `history` is "push" for a new entry, or where an entry that the browser went back to was scrolled. */
async function navigate(url: URL, fetchUrl: URL, history: "push" | [number, number]): Promise<void> {
  underWay?.abort();
  const controller = underWay = new AbortController();
  const { signal } = controller;
  const target = new URL(fetchUrl);
  target.searchParams.set(PARTIAL_PARAM, "true");
  try {
    const response = await fetch(target, { signal, headers: { accept: "text/html" } });
    const next = response.redirected && fetchUrl.href === url.href ? withoutParam(response.url) : url;
    const isHtml = response.headers.get("content-type")?.startsWith("text/html") ?? false;
    const fetched = isHtml ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
    const pairs = fetched === null || next.origin !== location.origin ? [] : pairPartials(fetched);
    if (fetched === null || pairs.length === 0) return loadPage(next, history);
    const page = await readPage(fetched);
    if (signal.aborted) return;
    enterHistory(next, fetchUrl.href === url.href ? next : fetchUrl, history);
    addStyles(fetched);
    document.title = fetched.title;
    for (const { old, replacement } of pairs) {
      if (!old.start.isConnected) continue; // It lay in a partial that has been replaced already.
      for (const root of replacePartial(old, replacement)) mountIsland(page, root);
    }
    markLinks();
    restoreScroll(next, history);
  } catch (error) {
    if (signal.aborted) return; // A later click took over.
    reportError(error);
    loadPage(url, history);
  }
}

function pairPartials(fetched: Document): { old: MarkedRange; replacement: MarkedRange }[] {
  const replacements = new Map(findPartials(fetched.body).map((range) => [range.name, range]));
  return findPartials(document.body).flatMap((old) => {
    const replacement = replacements.get(old.name);
    return replacement === undefined ? [] : [{ old, replacement }];
  });
}

function findPartials(parent: Node): MarkedRange[] {
  const comments = document.createTreeWalker(parent, NodeFilter.SHOW_COMMENT);
  const partials: MarkedRange[] = [];
  while (comments.nextNode()) {
    const range = rangeAt(comments.currentNode);
    if (range?.kind === "partial") partials.push(range);
  }
  return partials;
}

/** Answers the islands of the new content. */
function replacePartial(old: MarkedRange, replacement: MarkedRange): MarkedRange[] {
  unmountIslands((island) => containsNode(old, island.start));
  for (const node of nodesOf(old)) node.remove();
  const content = document.createDocumentFragment();
  content.append(...nodesOf(replacement));
  const roots = findRoots(content);
  old.end.before(content);
  return roots;
}

function enterHistory(url: URL, fetchUrl: URL, entry: "push" | [number, number]): void {
  const state = (from: string, scroll: [number, number]): EntryState => ({ fresh: { fetchUrl: from, scroll } });
  if (entry === "push") {
    history.scrollRestoration = "manual";
    const left = (history.state as EntryState | null)?.fresh;
    history.replaceState(state(left?.fetchUrl ?? location.href, [scrollX, scrollY]), "");
    history.pushState(state(fetchUrl.href, [0, 0]), "", url);
  } else if (url.href !== location.href) history.replaceState(state(fetchUrl.href, entry), "", url);
  shown = url.pathname + url.search;
}

/** A page's own styles come with it; those of pages before stay. */
function addStyles(fetched: Document): void {
  const known = new Set([...document.head.children].map((element) => element.outerHTML));
  for (const style of fetched.head.querySelectorAll("link[rel=stylesheet], style")) {
    if (!known.has(style.outerHTML)) document.head.append(style);
  }
}

function markLinks(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[href]")) {
    const isOurs = link.hasAttribute("data-current") || link.hasAttribute("data-ancestor");
    if (!isOurs && link.hasAttribute("aria-current")) continue;
    for (const name of ["aria-current", "data-current", "data-ancestor"]) link.removeAttribute(name);
    const place = placeOfLink(link.getAttribute("href") ?? "", new URL(location.href));
    for (const [name, value] of Object.entries(linkAttributes(place))) link.setAttribute(name, value);
  }
}

function restoreScroll(url: URL, entry: "push" | [number, number]): void {
  const named = url.hash === "" ? null : document.getElementById(decodeURIComponent(url.hash.slice(1)));
  if (entry !== "push") scrollTo(...entry);
  else if (named !== null) named.scrollIntoView();
  else scrollTo(0, 0);
}

/** After Back the address is in the bar already, and assigning it would do nothing if only a hash differed. */
function loadPage(url: URL, entry: "push" | [number, number]): void {
  if (entry !== "push" && url.href === location.href) location.reload();
  else location.assign(url);
}

function withoutParam(href: string): URL {
  const url = new URL(href);
  url.searchParams.delete(PARTIAL_PARAM);
  return url;
}
