/**
 * Open pages of a development server. Each names the build it shows in the URL of its script, holds an event stream that
 * names the server's, and loads again when they differ, or only its styles when nothing else does. A page that was away
 * while the server changed hears of it when its stream is back.
 */
const SCRIPT_PATH = "/_fresh/live_reload.js";
const STREAM_PATH = "/_fresh/live";
const RECONNECT_MS = 50;

const SCRIPT = `const shown = new URL(import.meta.url).searchParams;
new EventSource(new URL("live", import.meta.url)).onmessage = ({ data }) => {
  const current = new URLSearchParams(data);
  if (current.get("pages") !== shown.get("pages")) return location.reload();
  if (current.get("styles") === shown.get("styles")) return;
  shown.set("styles", current.get("styles"));
  for (const old of document.querySelectorAll('link[rel=stylesheet][href^="/"]')) {
    const link = old.cloneNode();
    link.href = old.href.split("?")[0] + "?" + current.get("styles");
    link.onload = () => old.remove();
    old.after(link);
  }
};
`;

export class LiveReload {
  readonly #pages = new Set<ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>>();
  /** Query text. */
  #build = "";

  /** For pages that show the present build. */
  get scriptPath(): string {
    return `${SCRIPT_PATH}?${this.#build}`;
  }

  /** Called when the new build answers, or before if nothing answers until then. Texts change with what they stand for. */
  announce(build: { pages: string; styles: string }): void {
    this.#build = String(new URLSearchParams(build));
    for (const page of this.#pages) page.enqueue(this.#message());
  }

  /** Null when the path is not one of ours. */
  answer(pathname: string): Response | null {
    const headers = { "cache-control": "no-store" };
    if (pathname.endsWith(SCRIPT_PATH)) {
      return new Response(SCRIPT, { headers: { ...headers, "content-type": "text/javascript" } });
    }
    if (!pathname.endsWith(STREAM_PATH)) return null;
    let page: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        page = controller;
        this.#pages.add(page);
        page.enqueue(this.#message());
      },
      cancel: () => void this.#pages.delete(page),
    });
    return new Response(body, { headers: { ...headers, "content-type": "text/event-stream" } });
  }

  #message(): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(`retry: ${RECONNECT_MS}\ndata: ${this.#build}\n\n`);
  }
}
