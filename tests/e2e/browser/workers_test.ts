/** The Workers page's buttons in a real browser: cordon, drain and their undoing, with and without JavaScript. */
import { deepEqual, equal, match } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import {
  launchBrowser,
  type PageOptions,
  problemsInEveryLook,
  type SignedIn,
  signIn,
  withPage,
} from "../../support/browser.ts";
import { Greenroom } from "../../support/greenroom.ts";

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([Greenroom.start({ agents: ["echo"] }), launchBrowser()]);
  storageState = await signIn(browser, greenroom.url, keyOf(greenroom));
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await greenroom?.stop();
});

function keyOf({ authorization }: Greenroom): string {
  return (authorization.authorization ?? "").replace("Bearer ", "");
}

function onPage(work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, `${greenroom.url}/workers`, work, { storageState, ...options });
}

const isAlive = (page: Page) => page.locator(".state-chip", { hasText: "Live" }).waitFor();
const button = (page: Page, name: string | RegExp) => page.getByRole("main").getByRole("button", { name });
const ask = (page: Page, text: string | RegExp) => page.getByRole("main").locator("summary", { hasText: text });
const chip = (page: Page, word: string) => page.getByRole("main").locator(".state-chip", { hasText: word });

async function phaseOf(): Promise<string> {
  const { items } = await greenroom.get("/api/v1/instances");
  const { slots, drain } = items.find(({ isThisOne }: { isThisOne: boolean }) => isThisOne);
  return drain === null ? slots.stopReason ?? "serving" : "draining";
}

Deno.test("Cordon is one click, shown at once, and Uncordon undoes it", () =>
  onPage(async (page) => {
    await isAlive(page);
    await button(page, "Cordon").click();
    await chip(page, "cordoned").waitFor();
    await page.getByText(/slots of it are closed/).waitFor();
    await page.getByText(/by dashboard:/).waitFor();
    equal(await phaseOf(), "cordoned");
    await button(page, "Uncordon").click();
    await chip(page, "serving").waitFor();
    equal(await phaseOf(), "serving");
  }));

Deno.test("A menu that is opened before the page is alive stays open", () =>
  withPage(browser, `${greenroom.url}/sign-in`, async (page) => {
    const opened = Promise.withResolvers<void>();
    await page.route("**/*.js*", async (route) => {
      await opened.promise;
      await route.continue();
    });
    await page.goto(`${greenroom.url}/workers`, { waitUntil: "commit" });
    await ask(page, "Drain").click();
    const question = page.getByText("Deadline, minutes from now");
    await question.waitFor();
    opened.resolve();
    await isAlive(page);
    await button(page, "Cordon").click();
    await chip(page, "cordoned").waitFor();
    equal(await question.isVisible(), true);
    await ask(page, "Drain").click();
    await question.waitFor({ state: "hidden" });
    await button(page, "Uncordon").click();
    await chip(page, "serving").waitFor();
    equal(await question.isVisible(), false);
  }, { storageState }));

Deno.test("Drain asks for a deadline and names the calls; the page lists what is left until it ends or is ended", async () => {
  const { body: first } = await greenroom.dispatch({ agent: "echo", room: "front-desk" });
  await greenroom.dispatch({ agent: "echo", room: "clinic" });
  await onPage(async (page) => {
    await isAlive(page);
    await ask(page, "Drain, 2 calls end first").click();
    await page.getByText(/Its 2 calls may end until the deadline/).waitFor();
    equal(await page.getByLabel("Deadline, minutes from now").inputValue(), "60");
    await page.getByLabel("Deadline, minutes from now").fill("10");
    await button(page, /^Drain /).click();
    await chip(page, "draining, 2 calls left").waitFor();
    const calls = page.getByRole("region", { name: /Calls left on/ });
    equal(await calls.getByRole("link", { name: "front-desk" }).getAttribute("href"), `/dispatches/${first.id}`);
    await page.getByText(/, in 9 min/).waitFor();
    await button(page, "Give it 30 min more").click();
    await page.getByText(/, in 39 min/).waitFor();

    await greenroom.call("DELETE", `/api/v1/dispatches/${first.id}`);
    await chip(page, "draining, 1 call left").waitFor();
    equal(await calls.getByRole("link", { name: "front-desk" }).count(), 0);

    await ask(page, "End 1 call now").click();
    await button(page, "Yes, end 1 call now").click();
    await page.getByText(/has no call left/).waitFor();
    await chip(page, "drained").waitFor();
    await button(page, "Take calls again").click();
    await chip(page, "serving").waitFor();
  });
  equal(await phaseOf(), "serving");
});

Deno.test("Without JavaScript the same buttons work; a viewer has none; the page stays readable for everyone", async () => {
  await greenroom.dispatch({ agent: "echo", room: "hotel" });
  await onPage(async (page) => {
    await button(page, "Cordon").click();
    await chip(page, "cordoned").waitFor();
    await ask(page, "Drain, 1 call ends first").click();
    await button(page, /^Drain /).click();
    await chip(page, "draining, 1 call left").waitFor();
    match(page.url(), /\/workers$/);
  }, { javaScriptEnabled: false });
  equal(await phaseOf(), "draining");

  const { body: made } = await greenroom.call("POST", "/api/v1/keys", { name: "wall", role: "viewer" });
  const viewer = await signIn(browser, greenroom.url, made.key);
  await onPage(async (page) => {
    await page.getByRole("link", { name: "hotel" }).waitFor();
    deepEqual([await button(page, /./).count(), await page.getByRole("main").locator("summary").count()], [0, 0]);
  }, { storageState: viewer });

  await onPage(async (page) => {
    await isAlive(page);
    await chip(page, "draining").waitFor();
    await ask(page, "End 1 call now").click();
    const menu = button(page, /^Yes, end/).locator("xpath=ancestor::details/div");
    await menu.waitFor();
    const found = await problemsInEveryLook(page);
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const box = await menu.boundingBox();
      if (!box || box.x < 0 || box.x + box.width > width) found.push(`${width}: the menu leaves the screen`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) found.push(`${width} px wide scrolls sideways by ${overflow} px`);
    }
    deepEqual(found, []);
  });
});
