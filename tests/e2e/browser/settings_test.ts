/** The Settings page and what all pages share, in a real browser: navigation, times, refusals, width. */
import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import {
  launchBrowser,
  type PageOptions,
  problemsInEveryLook,
  type SignedIn,
  signIn,
  withPage,
} from "../../support/browser.ts";
import { BrowserSession, closeBrowserSessions } from "../../support/browser_session.ts";
import { EventReader } from "../../support/event_reader.ts";
import { eventually } from "../../support/eventually.ts";
import { Greenroom } from "../../support/greenroom.ts";

const VIEWS = ["storage", "checks", "configuration", "keys", "audit"];
const ADMIN_KEY = "admin-key-of-the-settings-test";

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([
    Greenroom.start({ agents: ["echo", "throws"], env: { GREENROOM_API_KEY: ADMIN_KEY } }),
    launchBrowser(),
  ]);
  storageState = await signIn(browser, greenroom.url, ADMIN_KEY);
});

Deno.test.afterAll(async () => {
  closeBrowserSessions();
  await browser?.close();
  await greenroom?.stop();
});

function onPage(path: string, work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, greenroom.url + path, work, { storageState, ...options });
}

const isAlive = (page: Page) => page.locator(".state-chip", { hasText: "Live" }).waitFor();

function asAdmin(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  return greenroom.call(method, path, body, { authorization: `Bearer ${ADMIN_KEY}`, ...headers });
}

async function makeKey(name: string, role: string): Promise<{ id: string; key: string }> {
  return (await asAdmin("POST", "/api/v1/keys", { name, role })).body;
}

async function failedDispatch(): Promise<string> {
  const { body } = await asAdmin("POST", "/api/v1/dispatches?wait=done", { agent: "throws", room: "settings-room" });
  return (body.dispatch ?? body).id;
}

Deno.test("The checks run from the page, each with what was seen", async () => {
  await onPage("/settings?view=checks", async (page) => {
    await isAlive(page);
    await page.getByText("Nothing was looked at yet").waitFor();
    await page.getByRole("button", { name: "Run the checks" }).click();
    await page.getByText(/held by this instance/).waitFor();
    const failed = await page.locator('[data-check="failed"]').allInnerTexts();
    deepEqual(failed, []);
    for (const name of ["database", "LiveKit credentials", "agent echo.ts"]) {
      await page.getByText(name, { exact: true }).waitFor();
    }
  });
});

Deno.test("The configuration names each value's source and shows no secret", async () => {
  await onPage("/settings?view=configuration", async (page) => {
    const row = (env: string) => page.locator(`tr[data-setting="${env}"]`).innerText();
    match(await row("GREENROOM_API_KEY"), /set\s+environment/);
    match(await row("LIVEKIT_API_SECRET"), /set\s+made here/);
    match(await row("MAX_CONCURRENT_JOBS"), /20 jobs\s+default/);
    const { apiSecret } = await greenroom.livekit();
    const html = await page.content();
    for (const secret of [ADMIN_KEY, apiSecret]) ok(!html.includes(secret));
  });
});

Deno.test("A made key is shown once and works; revoking it asks first and ends its streams at once", async () => {
  await onPage("/settings?view=keys", async (page) => {
    await isAlive(page);
    await page.getByLabel("Name of the new key").fill("ci-bot");
    await page.getByLabel("Role").selectOption("operator");
    await page.getByRole("button", { name: "Make 1 key" }).click();
    const key = await page.getByRole("status").locator("code").innerText();
    match(key, /^gr_/);
    const authorization = `Bearer ${key}`;
    const stream = await fetch(`${greenroom.url}/api/v1/events?topics=fleet`, { headers: { authorization } });
    equal(stream.status, 200);
    await page.reload();
    await isAlive(page);
    ok(!(await page.content()).includes(key));
    const row = page.locator('tr[data-key="ci-bot"]');
    await row.getByLabel("Revoke ci-bot").click();
    await row.getByText("refused at once").waitFor();
    await row.getByRole("button", { name: "Revoke ci-bot now" }).click();
    await row.getByText("revoked").waitFor();
    equal((await asAdmin("GET", "/api/v1/jobs", undefined, { authorization })).status, 401);
    await new EventReader(stream.body!).rest();
  });
});

Deno.test("A name that was given before is refused where it was typed", async () => {
  await makeKey("taken", "viewer");
  await onPage("/settings?view=keys", async (page) => {
    await isAlive(page);
    await page.getByLabel("Name of the new key").fill("taken");
    await page.getByRole("button", { name: "Make 1 key" }).click();
    await page.getByRole("alert").getByText("The name is taken").waitFor();
    equal(await page.getByLabel("Name of the new key").inputValue(), "taken");
  }, { allowed: /409/ });
});

Deno.test("Without JavaScript keys are made and revoked, and the audit log is read by pages", async () => {
  await onPage("/settings?view=keys", async (page) => {
    await page.getByLabel("Name of the new key").fill("plain");
    await page.getByRole("button", { name: "Make 1 key" }).click();
    const key = await page.getByRole("status").locator("code").innerText();
    const call = () => asAdmin("GET", "/api/v1/jobs", undefined, { authorization: `Bearer ${key}` });
    equal((await call()).status, 200);
    const row = page.locator('tr[data-key="plain"]');
    await row.getByLabel("Revoke plain").click();
    await row.getByRole("button", { name: "Revoke plain now" }).click();
    await row.getByText("revoked").waitFor();
    equal((await call()).status, 401);
    for (let i = 0; i < 50; i++) await asAdmin("DELETE", "/api/v1/keys/nothing");
    await page.goto(`${greenroom.url}/settings?view=audit`);
    equal(await page.locator("tbody tr").count(), 50);
    await page.getByRole("link", { name: "Older entries" }).click();
    await page.getByRole("row", { name: /key\.create plain done/ }).waitFor();
    await page.getByRole("link", { name: "Newest" }).click();
    await page.goto(`${greenroom.url}/settings?view=checks`);
    await page.getByRole("button", { name: /^Run/ }).click();
    await page.getByText(/held by this instance/).waitFor();
  }, { javaScriptEnabled: false });
});

Deno.test("A viewer sees storage and version only; the rest is refused with a page that says why", async () => {
  const { key } = await makeKey("reader", "viewer");
  const viewer = await signIn(browser, greenroom.url, key);
  await onPage("/settings", async (page) => {
    await page.getByText("How long things are kept").waitFor();
    equal(await page.getByRole("link", { name: "API keys" }).count(), 0);
    const response = await page.goto(`${greenroom.url}/settings?view=keys`);
    equal(response?.status(), 403);
    await page.getByText("Your role does not allow this").waitFor();
    await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  }, { storageState: viewer, allowed: /403/ });
});

Deno.test("Refusals are pages for browsers that ask for one, and problem details for programs", async () => {
  const operator = await BrowserSession.signIn(greenroom.url, (await makeKey("op", "operator")).key);
  const viewer = await BrowserSession.signIn(greenroom.url, (await makeKey("eye", "viewer")).key);
  const id = await failedDispatch();
  const post = async (session: BrowserSession, body: BodyInit | null, accept: string) => {
    const headers = { ...session.writeHeaders(), accept };
    const response = await session.fetch(`/dispatches/${id}`, { method: "POST", headers, body });
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };
  for (const body of [null, "{}"]) {
    equal((await post(viewer, body, "text/html")).status, 403, "a role too small, whatever the body");
    equal((await post(operator, body, "text/html")).status, 400, "a body that is no form");
  }
  const large = new URLSearchParams({ action: "retry", metadata: "x".repeat(300_000) });
  const html = await post(operator, large, "text/html,*/*");
  deepEqual([html.status, html.type], [413, "text/html; charset=utf-8"]);
  match(html.text, /The body is too large[\s\S]*GREENROOM_MAX_BODY_BYTES/);
  const json = await post(operator, large, "*/*");
  deepEqual([json.status, json.type], [413, "application/problem+json"]);
  const stranger = new BrowserSession(greenroom.url);
  const unknown = await stranger.fetch("/sign-in", { headers: { host: "evil.example", accept: "text/html" } });
  const text = await unknown.text();
  deepEqual([unknown.status, unknown.headers.get("content-type")], [403, "text/html; charset=utf-8"]);
  doesNotMatch(text, /<nav/);
});

Deno.test("A browser that signs out hears no more events", async () => {
  const session = await BrowserSession.signIn(greenroom.url, (await makeKey("leaves", "viewer")).key);
  const stays = await BrowserSession.signIn(greenroom.url, (await makeKey("stays", "viewer")).key);
  const [ends, lasts] = await Promise.all(
    [session, stays].map(async (each) => new EventReader((await each.fetch("/api/v1/events?topics=counts")).body!)),
  );
  await session.form("/sign-out", { csrf: session.csrfToken ?? "" });
  await ends!.rest();
  await lasts!.until(({ event }) => event === "counts");
  await lasts!.cancel();
});

Deno.test("What waits to be recovered is counted beside Recover, on every page, without a reload", async () => {
  await onPage("/workers", async (page) => {
    const link = page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: /^Recover/ });
    const shown = async () => Number(/\d+/.exec(await link.innerText())?.[0] ?? "0");
    await isAlive(page);
    const before = await shown();
    const id = await failedDispatch();
    await link.getByText(String(before + 1), { exact: true }).waitFor();
    const { status } = await asAdmin("POST", `/api/v1/dispatches/${id}/retry?wait=done`);
    ok(status === 201 || status === 502, String(status));
    await page.reload();
    await eventually(async () => await shown() === before + 1, { what: "one was retried, and its retry failed" });
  });
});

Deno.test("Times change to the machine's own zone, everywhere, and the next page remembers it", async () => {
  await failedDispatch();
  await onPage("/settings?view=audit", async (page) => {
    await isAlive(page);
    const time = page.locator("tbody time").first();
    const utc = await time.innerText();
    match(await time.getAttribute("title") ?? "", /UTC$/);
    await page.getByRole("button", { name: /UTC/ }).click();
    await page.getByRole("button", { name: /UTC\+05:30/ }).waitFor();
    await page.locator('tbody time[title$="UTC+05:30"]').first().waitFor();
    notEqual(await time.innerText(), utc);
    await page.goto(`${greenroom.url}/jobs`);
    await page.getByRole("button", { name: /UTC\+05:30/ }).waitFor();
    await page.locator('tbody time[title$="UTC+05:30"]').first().waitFor();
  }, { timezoneId: "Asia/Kolkata" });
});

Deno.test("No page scrolls sideways, at 1440, 1024 and 390 pixels", async () => {
  const id = await failedDispatch();
  const paths = ["/", "/dispatch", "/jobs", `/dispatches/${id}`, "/rooms", "/workers", "/recover", "/nothing"];
  paths.push(...VIEWS.map((view) => `/settings?view=${view}`));
  await onPage("/", async (page) => {
    for (const path of paths) {
      await page.goto(greenroom.url + path);
      for (const width of [1440, 1024, 390]) {
        await page.setViewportSize({ width, height: 900 });
        const fits = () =>
          page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
        // Charts follow the width with the next frame.
        await eventually(fits, { what: `${path} as wide as its ${width} px` });
      }
    }
  }, { allowed: /404/ });
});

Deno.test("Sign-in and Settings have no serious or critical accessibility problem, in either theme", async () => {
  const found: string[] = [];
  const note = async (page: Page, path: string) => {
    found.push(...(await problemsInEveryLook(page)).map((each) => `${path} ${each}`));
  };
  await withPage(browser, `${greenroom.url}/sign-in`, (page) => note(page, "/sign-in"));
  await onPage("/settings", async (page) => {
    for (const view of VIEWS) {
      await page.goto(`${greenroom.url}/settings?view=${view}&run=1`);
      await isAlive(page);
      await note(page, view);
    }
  });
  deepEqual(found, []);
});

Deno.test("Each of these pages' JavaScript is at most 60 kB gzipped", async () => {
  for (const path of ["/rooms", ...VIEWS.map((view) => `/settings?view=${view}`)]) {
    const { headers } = await asAdmin("GET", path);
    const files = [...(headers.get("link") ?? "").matchAll(/<([^>]+\.js)>/g)].map(([, file]) => file ?? "");
    ok(files.length > 0, path);
    let bytes = 0;
    for (const file of files) {
      const stream = (await fetch(greenroom.url + file)).body?.pipeThrough(new CompressionStream("gzip"));
      bytes += (await new Response(stream).arrayBuffer()).byteLength;
    }
    ok(bytes <= 60_000, `${path}: ${bytes} bytes`);
  }
});
