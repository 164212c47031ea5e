/** The Rules page in a real browser: a rule made, tried, changed, turned off and deleted; with and without JavaScript. */
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

const ADMIN_KEY = "admin-key-of-the-rules-test";

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([
    Greenroom.start({ agents: ["echo"], env: { GREENROOM_API_KEY: ADMIN_KEY } }),
    launchBrowser(),
  ]);
  storageState = await signIn(browser, greenroom.url, ADMIN_KEY);
});
Deno.test.afterAll(async () => {
  await browser?.close();
  await greenroom?.stop();
});

function onPage(path: string, work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, greenroom.url + path, work, { storageState, ...options });
}

const headers = { authorization: `Bearer ${ADMIN_KEY}` };

async function fill(page: Page, fields: Record<string, string>) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";
  Deno.test(`A rule is made, tried, changed, turned off and deleted ${how} JavaScript`, async () => {
    await onPage("/rules", async (page) => {
      await page.getByText("There are no rules").waitFor();
      await fill(page, { "Name": "calls", "Rooms named like": "support-*", "Metadata": '{"team":"a"}' });
      await page.getByRole("button", { name: "Make the rule" }).click();
      const row = page.locator('tr[data-rule="calls"]');
      match(await row.innerText(), /echo\s+support-\*\s+the room starts\s+on/);
      await page.getByLabel("Try a room's name").fill("support-42");
      await page.getByRole("button", { name: "Which rules fit?" }).click();
      await page.getByText("1 rule fits support-42: calls.").waitFor();
      await row.getByLabel("Edit calls").click();
      equal(await page.getByLabel("Metadata", { exact: true }).inputValue(), '{\n  "team": "a"\n}');
      await page.getByLabel("When", { exact: true }).selectOption("participant_joined");
      await page.getByLabel("Who", { exact: true }).selectOption("sip");
      await fill(page, { "With attributes": "tier=gold" });
      await page.getByRole("button", { name: "Save the rule" }).click();
      await row.getByText("a person by phone joins with tier=gold").waitFor();
      await row.getByLabel("Turn calls off").click();
      await row.getByText("off", { exact: true }).waitFor();
      await row.getByLabel("Delete calls").click();
      await row.getByRole("button", { name: "Delete calls now" }).click();
      await page.getByText("There are no rules").waitFor();
    }, { javaScriptEnabled });
  });
}

Deno.test("What is wrong with a rule is told where it was typed, and what was typed is kept", async () => {
  await onPage("/rules", async (page) => {
    await fill(page, { "Name": "odd", "Rooms named like": "*", "Metadata": "{", "With attributes": "gold" });
    await page.getByRole("button", { name: "Make the rule" }).click();
    await page.getByText("This is not JSON.", { exact: true }).waitFor();
    await page.getByText("Write one name=value a line.", { exact: true }).waitFor();
    equal(await page.getByLabel("Name", { exact: true }).inputValue(), "odd");
    await fill(page, { "Metadata": "", "With attributes": "tier=gold" });
    await page.getByRole("button", { name: "Make the rule" }).click();
    await page.getByRole("alert").getByText("do not fit each other").waitFor();
  }, { allowed: /4\d\d/ });
});

Deno.test("The page shows what rules did, reads on every width, and a viewer changes nothing", async () => {
  await greenroom.call("POST", "/api/v1/rules", {
    ...{ name: "everyone", agent: "echo", event: "room_started", roomPattern: "*" },
  }, headers);
  await greenroom.call("POST", "/api/v1/rules", {
    ...{ name: "gold-callers", agent: "echo", event: "participant_joined", roomPattern: "vip-*", isEnabled: false },
    ...{ participantKind: "sip", participantAttributes: { tier: "gold" } },
  }, headers);
  await (await greenroom.livekit()).api.createRoom("lobby-7");
  await eventually(async () => {
    const { body } = await greenroom.call("GET", "/api/v1/dispatches?room=lobby-7", undefined, headers);
    return body.items[0]?.state === "running";
  }, { what: "the agent of the rule" });
  const shots = Deno.env.get("GREENROOM_SHOTS");
  for (const [width, colorScheme] of [[1440, "light"], [1440, "dark"], [1024, "light"], [390, "light"]] as const) {
    await onPage("/rules?room=vip-1", async (page) => {
      await page.getByRole("cell", { name: "lobby-7" }).waitFor();
      const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
      equal(await page.evaluate(overflow), 0, `width ${width}`);
      deepEqual(await accessibilityProblems(page), []);
      const name = `rules-${width}${colorScheme === "dark" ? "-dark" : ""}.png`;
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}`, fullPage: true });
    }, { viewport: { width, height: 1000 }, colorScheme });
  }
  const viewer = await greenroom.call("POST", "/api/v1/keys", { name: "reader", role: "viewer" }, headers);
  await onPage("/rules", async (page) => {
    await page.getByText("everyone").first().waitFor();
    equal(await page.getByRole("button", { name: "Make the rule" }).count(), 0);
    ok(!(await page.content()).includes("Delete everyone"));
  }, { storageState: await signIn(browser, greenroom.url, viewer.body.key) });
});
