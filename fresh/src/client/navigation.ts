/**
 * Client navigation, by the browser's Navigation API: a click on a link inside `f-client-nav` fetches the page, and each
 * partial of this page is replaced by the one of its name there. Whatever does not fit (no partial in common, no HTML, no
 * network, a browser without the API) is an ordinary page load.
 */
import { linkAttributes } from "../links.ts";
import { PARTIAL_PARAM } from "../markers.ts";
import { mountIslands, type Page, readPage, unmountIslands } from "./page.ts";
import { containsNode, findRanges, type MarkedRange, nodesOf } from "./range.ts";

export function startNavigation(): void {
  globalThis.navigation?.addEventListener("navigate", (event) => {
    const fetchUrl = urlToFetch(event);
    if (fetchUrl !== null) event.intercept({ handler: () => showPage(event, fetchUrl), scroll: "manual" });
  });
}

/** Null when the browser is to navigate by itself. */
function urlToFetch(event: NavigateEvent): string | null {
  const { destination, navigationType, sourceElement } = event;
  if (!event.canIntercept || event.hashChange || event.downloadRequest !== null || event.formData !== null) return null;
  if (navigationType === "traverse" && destination.sameDocument) {
    return (destination.getState() as { fetchUrl: string } | undefined)?.fetchUrl ?? destination.url;
  }
  const link = sourceElement?.closest("a");
  const setting = link?.closest("[f-client-nav]")?.getAttribute("f-client-nav");
  if (link == null || setting == null || setting === "false") return null;
  return new URL(link.getAttribute("f-partial") ?? destination.url, location.href).href;
}

/** The address bar shows the destination already. */
async function showPage(event: NavigateEvent, fetchUrl: string): Promise<void> {
  try {
    const target = new URL(fetchUrl);
    target.searchParams.set(PARTIAL_PARAM, "true");
    const response = await fetch(target, { signal: event.signal, headers: { accept: "text/html" } });
    const isHtml = response.headers.get("content-type")?.startsWith("text/html") ?? false;
    const fetched = new DOMParser().parseFromString(isHtml ? await response.text() : "", "text/html");
    const replacements = new Map(findRanges(fetched.body, "partial").map((range) => [range.name, range]));
    const replaced = findRanges(document.body, "partial").filter(({ name }) => replacements.has(name));
    if (replaced.length === 0) return location.reload();
    const page = await readPage(fetched);
    if (event.signal.aborted) return;
    if (fetchUrl !== event.destination.url) navigation.updateCurrentEntry({ state: { fetchUrl } });
    else if (response.redirected) {
      const url = new URL(response.url);
      url.searchParams.delete(PARTIAL_PARAM);
      history.replaceState(null, "", url);
    }
    document.title = fetched.title;
    // A page's own styles come with it; those of pages before stay.
    for (const style of fetched.head.querySelectorAll("link[rel=stylesheet], style")) {
      if (![...document.head.children].some((known) => known.isEqualNode(style))) document.head.append(style);
    }
    // One that is gone lay in a partial that has been replaced already.
    for (const old of replaced) if (old.start.isConnected) replaceRange(old, replacements.get(old.name)!, page);
    markLinks();
    if (event.signal.aborted) scrollTo(0, 0); // Another URL, after a redirect, counts as another navigation.
    else event.scroll();
  } catch (error) {
    if (event.signal.aborted) return; // A later click took over.
    reportError(error);
    location.reload();
  }
}

function replaceRange(old: MarkedRange, replacement: MarkedRange, page: Page): void {
  const isInside = ({ start }: MarkedRange) => containsNode(old, start);
  unmountIslands(isInside);
  for (const node of nodesOf(old)) node.remove();
  old.end.before(...nodesOf(replacement));
  mountIslands(page, findRanges(document.body, "island").filter(isInside));
}

function markLinks(): void {
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.matches("[aria-current]:not([data-current], [data-ancestor])")) continue; // The app's own mark.
    for (const name of ["aria-current", "data-current", "data-ancestor"]) link.removeAttribute(name);
    const attributes = linkAttributes(link.getAttribute("href") ?? "", new URL(location.href));
    for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
  }
}
