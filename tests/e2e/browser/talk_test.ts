/** Talking to an agent from the browser, with Chromium's fake microphone (it beeps once a second), on the real program. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import {
  accessibilityProblems,
  launchBrowser,
  type PageOptions,
  type SignedIn,
  signIn,
  withPage,
} from "../../support/browser.ts";
import { eventually } from "../../support/eventually.ts";
import { Greenroom } from "../../support/greenroom.ts";

/** Joining loads livekit-client and opens a microphone. */
const JOIN_TIMEOUT_MS = 20_000;

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([Greenroom.start({ agents: ["echo", "picky"] }), launchBrowser()]);
  storageState = await signIn(browser, greenroom.url, keyOf(greenroom));
});

Deno.test.afterAll(async () => {
  await browser.close();
  await greenroom.stop();
});

function keyOf({ authorization }: Greenroom): string {
  return (authorization.authorization ?? "").replace("Bearer ", "");
}

/** A page of somebody who has signed in. */
function onPage(path: string, work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, greenroom.url + path, work, { storageState, ...options });
}

/** The page's script runs: keys and buttons work. */
const isAlive = (page: Page) => page.locator(".state-chip", { hasText: "Live" }).waitFor();
const inTheRoom = (page: Page) => page.getByText(/^you are in /).waitFor({ timeout: JOIN_TIMEOUT_MS });
const roomLog = (page: Page) => page.getByRole("log", { name: "Speech and data in the room" });

async function dispatchByForm(page: Page, room: string): Promise<void> {
  await isAlive(page);
  await page.getByLabel("Room", { exact: true }).fill(room);
  await page.getByRole("button", { name: `Dispatch echo to ${room}` }).click();
  await page.getByText(/Ready after \d/).waitFor();
}

Deno.test("One dispatches echo, talks to it, hears it, sends text and gets it back, mutes and leaves", async () => {
  await onPage("/dispatch?agent=echo", async (page) => {
    await dispatchByForm(page, "talk-1");
    await page.getByRole("link", { name: "Talk to it" }).click();
    await inTheRoom(page);
    await page.getByText(/^microphone on/).waitFor();
    // A lit segment is sound: ours from the microphone, the agent's from the room.
    await page.getByRole("img", { name: /^Your microphone level, (low|medium|high)/ }).waitFor();
    await page.getByRole("img", { name: /^Agent audio level, (low|medium|high)/ }).waitFor();
    await page.getByText("speaking", { exact: true }).waitFor();
    await roomLog(page).getByText(/greenroom\.ready attempt 1/).waitFor();

    await page.getByLabel("Text or data to send").fill("is anybody there?");
    await page.getByRole("button", { name: "Send text" }).click();
    await roomLog(page).getByRole("listitem").filter({ hasText: "echo" }).getByText(/is anybody there\? *after \d+ ms/)
      .waitFor();
    await page.getByText(/^round trip \d/).waitFor();

    await page.getByRole("button", { name: "Mute", exact: true }).click();
    await page.getByText("microphone off").waitFor();
    await page.getByRole("img", { name: "Your microphone level, silent" }).waitFor();
    await page.getByRole("img", { name: "Agent audio level, silent" }).waitFor();

    deepEqual(await accessibilityProblems(page), []);
    await page.getByRole("button", { name: "Leave room" }).click();
    await page.getByText("You have left the room.").waitFor();
    const { api } = await greenroom.livekit();
    await eventually(
      async () => !(await api.listParticipants("talk-1")).some(({ identity }) => identity.startsWith("operator-")),
      {
        what: "the person's leaving, in LiveKit",
      },
    );
  });
});

Deno.test("A dispatch's page leads to its call page; who talks there sees the agent leave when it is cancelled", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "talk-2" });
  await onPage(`/dispatches/${body.id}`, async (page) => {
    await isAlive(page);
    await page.getByRole("link", { name: "Talk to it" }).click();
    await page.waitForURL(`**/dispatches/${body.id}/talk`);
    await page.getByRole("heading", { name: /^Talk to echo in talk-2/ }).waitFor();
    await page.getByRole("button", { name: "Join the room" }).click();
    await inTheRoom(page);
    await page.getByText("speaking", { exact: true }).waitFor();
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    await page.getByText("has left the room").waitFor();
    await page.getByRole("region", { name: "Its dispatch" }).getByText("cancelled", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Leave room" }).click();
    await page.getByRole("button", { name: "Join again" }).waitFor();
  });
});

Deno.test("Without a microphone one joins all the same, is told why it is off and what to do, and can send text", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "talk-3" });
  await onPage(`/dispatches/${body.id}/talk`, async (page) => {
    await isAlive(page);
    await page.evaluate(() => {
      const refuse = () => Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
      Object.defineProperty(navigator.mediaDevices, "getUserMedia", { value: refuse });
    });
    await page.getByRole("button", { name: "Join the room" }).click();
    const alert = page.getByRole("alert");
    match(await alert.innerText(), /The microphone is not allowed[\s\S]*Remedy/);
    await page.getByText("microphone off").waitFor();
    await page.getByLabel("Text or data to send").fill("hello");
    await page.getByRole("button", { name: "Send text" }).click();
    await roomLog(page).getByText(/hello *after/).waitFor();
  });
});

Deno.test("A token that LiveKit refuses is told in words, with a remedy, and one can try again", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "talk-4" });
  await onPage(`/dispatches/${body.id}/talk`, async (page) => {
    await isAlive(page);
    await page.route("**/api/v1/tokens", async (route) => {
      const response = await route.fetch();
      const minted = await response.json();
      await route.fulfill({ response, json: { ...minted, token: `${minted.token}x` } });
    }, { times: 1 });
    await page.getByRole("button", { name: "Join the room" }).click();
    const alert = page.getByRole("alert");
    match(await alert.innerText({ timeout: JOIN_TIMEOUT_MS }), /LiveKit did not let you in[\s\S]*LIVEKIT_API_KEY/);
    await page.getByRole("button", { name: "Try again" }).click();
    await inTheRoom(page);
  }, { allowed: /401|WebSocket/ });
});

Deno.test("What was dispatched is among the recent payloads, goes back into the form, and can be cleared", async () => {
  await onPage("/dispatch?agent=picky", async (page) => {
    await isAlive(page);
    const recent = page.getByText("Recent payloads");
    await recent.click();
    await page.getByText("None yet.").waitFor();
    await page.getByLabel(/^customer/).fill('{"name":"parcelway"}');
    await page.getByLabel("Room", { exact: true }).fill("recent-1");
    await page.getByRole("button", { name: "Dispatch picky to recent-1" }).click();
    await page.getByRole("region", { name: "Last dispatch" }).getByText("running").waitFor();
    await page.goto(`${greenroom.url}/dispatch?agent=echo`);
    await isAlive(page);
    await recent.click();
    await page.getByRole("button", { name: /^picky in recent-1/ }).click();
    await page.getByRole("button", { name: "Dispatch picky to recent-1" }).waitFor();
    equal(await page.getByLabel(/^customer/).inputValue(), '{"name":"parcelway"}');
    await recent.click();
    await page.getByRole("button", { name: "Clear 1 payload" }).click();
    await page.getByText("None yet.").waitFor();
    equal(await page.evaluate("localStorage.getItem('greenroom.recent-payloads')"), null);
  });
});

Deno.test("The call page reads without JavaScript and is accessible in both themes, wide and narrow", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "talk-5" });
  const path = `/dispatches/${body.id}/talk`;
  await onPage(path, async (page) => {
    await page.getByText("This needs JavaScript").waitFor();
    await page.getByText(/Ready after \d/).waitFor();
  }, { javaScriptEnabled: false });
  const found: string[] = [];
  // Light and wide is what the first test looks at.
  for (const [colorScheme, width] of [["dark", 1440], ["light", 390]] as const) {
    await onPage(path, async (page) => {
      await isAlive(page);
      await page.getByRole("button", { name: "Join the room" }).click();
      await inTheRoom(page);
      found.push(...(await accessibilityProblems(page)).map((each) => `${colorScheme} ${width} ${each}`));
      const isTooWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
      if (isTooWide) found.push(`${colorScheme} ${width} scrolls sideways`);
    }, { colorScheme, viewport: { width, height: 900 } });
  }
  deepEqual(found, []);
});

Deno.test("What joins rooms is loaded when somebody joins, not with the page", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "talk-6" });
  await onPage(`/dispatches/${body.id}/talk`, async (page) => {
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith(".js")) asked.push(request.url());
    });
    await page.reload();
    await isAlive(page);
    const withPage = asked.splice(0);
    ok(await gzippedBytes(withPage) <= 60_000, `${withPage}`);
    await page.getByRole("button", { name: "Join the room" }).click();
    await inTheRoom(page);
    ok(await gzippedBytes(asked) > 60_000, `${asked}`);
  });
});

async function gzippedBytes(urls: string[]): Promise<number> {
  const sizes = urls.map(async (url) => {
    const stream = (await fetch(url)).body?.pipeThrough(new CompressionStream("gzip"));
    return (await new Response(stream).arrayBuffer()).byteLength;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
