/** A browser as far as signing in is concerned, without one: it keeps the cookie and sends the page's CSRF token. */
import assert from "node:assert/strict";

/** Lets a request name any Host. */
const client = Deno.createHttpClient({ allowHost: true });

export class BrowserSession {
  cookie: string | null = null;
  /** From `<meta name="csrf">` of the page read last. */
  csrfToken: string | null = null;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Signs in with this key, and reads the token. */
  static async signIn(url: string, key: string): Promise<BrowserSession> {
    const session = new BrowserSession(url);
    const response = await session.form("/sign-in", { key });
    assert.equal(response.status, 303, "signing in");
    await session.readToken();
    return session;
  }

  /** Follows nothing; keeps a cookie that the answer sets. The body is left to the caller. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.cookie !== null && !headers.has("cookie")) headers.set("cookie", this.cookie);
    const withClient: RequestInit & { client: Deno.HttpClient } = { redirect: "manual", ...init, headers, client };
    const response = await fetch(this.#url + path, withClient);
    const set = response.headers.get("set-cookie")?.split(";")[0];
    if (set !== undefined) this.cookie = set.endsWith("=") ? null : set;
    return response;
  }

  /** Posts a form from our own page. */
  form(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const body = new URLSearchParams(fields);
    return this.fetch(path, { method: "POST", body, headers: { origin: this.#url, ...headers } });
  }

  /** Any request, with origin and token as our scripts send them. The body is not read. */
  async write(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return await this.fetch(path, {
      method,
      headers: { ...this.writeHeaders(), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  writeHeaders(): Record<string, string> {
    return { origin: this.#url, "x-greenroom-csrf": this.csrfToken ?? "" };
  }

  async readToken(): Promise<string> {
    for (const path of ["/", "/dispatch"]) {
      const html = await (await this.fetch(path)).text();
      const token = /<meta name="csrf" content="([^"]+)"/.exec(html)?.[1];
      if (token !== undefined) return this.csrfToken = token;
    }
    throw new Error("No page carries a CSRF token");
  }
}

/** Sockets stay open until the client is closed. */
export function closeBrowserSessions(): void {
  client.close();
}
