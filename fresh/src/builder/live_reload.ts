/**
 * Open pages of a development server. Each names the build it shows in the URL of its script, holds an event stream that
 * names the server's, and loads again when they differ, or only its styles when nothing else does. A page that was away
 * while the server changed hears of it when its stream is back.
 */
const SCRIPT_PATH = "/_fresh/live_reload.js";
const STREAM_PATH = "/_fresh/live";
const RECONNECT_MS = 50;

// A stylesheet stays in effect until the one of its new address is there.
const SCRIPT = `const shown = new URL(import.meta.url).searchParams;
new EventSource(new URL("live", import.meta.url)).onmessage = ({ data }) => {
  const current = new URLSearchParams(data);
  if (current.get("pages") !== shown.get("pages")) return location.reload();
  if (current.get("styles") === shown.get("styles")) return;
  shown.set("styles", current.get("styles"));
  for (const link of document.querySelectorAll('link[rel=stylesheet][href^="/"]')) {
    link.href = link.href.split("?")[0] + "?" + current.get("styles");
  }
};
`;

type Page = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

export class LiveReload {
  readonly #pages = new Set<Page>();
  /** Query text. */
  #build = "";

  /** For pages that show the present build. */
  get scriptPath(): string {
    return `${SCRIPT_PATH}?${this.#build}`;
  }

  /** Called when the new build answers, or before if nothing answers until then. Texts change with what they stand for. */
  announce(build: { pages: string; styles: string }): void {
    this.#build = String(new URLSearchParams(build));
    for (const page of this.#pages) this.#tell(page);
  }

  /** Null when the path is not one of ours. */
  answer(pathname: string): Response | null {
    const answer = (body: BodyInit, type: string) =>
      new Response(body, { headers: { "cache-control": "no-store", "content-type": type } });
    if (pathname.endsWith(SCRIPT_PATH)) return answer(SCRIPT, "text/javascript");
    if (!pathname.endsWith(STREAM_PATH)) return null;
    let page: Page;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#pages.add(page = controller);
        this.#tell(page);
      },
      cancel: () => void this.#pages.delete(page),
    });
    return answer(stream, "text/event-stream");
  }

  #tell(page: Page): void {
    page.enqueue(new TextEncoder().encode(`retry: ${RECONNECT_MS}\ndata: ${this.#build}\n\n`));
  }
}
