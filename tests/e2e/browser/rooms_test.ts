/** The Rooms page in a real browser, with real people in real rooms. Its LiveKit server is killed at the end. */
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
import { eventually } from "../../support/eventually.ts";
import { Greenroom } from "../../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../../support/livekit.ts";

let livekit: TestLivekit;
let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  [greenroom, browser] = await Promise.all([
    Greenroom.start({ agents: ["echo", "throws"], livekit }),
    launchBrowser(),
  ]);
  storageState = await signIn(browser, greenroom.url, keyOf(greenroom));
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await greenroom?.stop();
  await livekit?.stop();
});

function keyOf({ authorization }: Greenroom): string {
  return (authorization.authorization ?? "").replace("Bearer ", "");
}

function onPage(path: string, work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, greenroom.url + path, work, { storageState, ...options });
}

const isAlive = (page: Page) => page.locator(".state-chip", { hasText: "Live" }).waitFor();
const rowOf = (page: Page, room: string) => page.locator(`tr[data-room="${room}"]`);

Deno.test("With no room open the page says so", () =>
  onPage("/rooms", (page) => page.getByText("No room is open").waitFor()));

Deno.test("A room is served while its agent is there, and the open page follows who comes and goes", async () => {
  await onPage("/rooms", async (page) => {
    await isAlive(page);
    await using _ada = await greenroom.human("served-room", "ada");
    const row = rowOf(page, "served-room");
    await row.getByText("no agent asked for").waitFor();
    const { body } = await greenroom.dispatch({ agent: "echo", room: "served-room" });
    await row.getByText("served", { exact: true }).waitFor();
    equal(await row.getByRole("link", { name: "echo" }).getAttribute("href"), `/dispatches/${body.id}`);
    await row.locator("summary").click();
    await row.getByText("person, joined").waitFor();
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    await row.getByText("no agent asked for").waitFor();
  });
});

Deno.test("A room whose agent was lost while people are there is silent: it is named first, with a way to serve it", async () => {
  await using _bob = await greenroom.human("silent-room", "bob");
  const { body } = await greenroom.dispatch({ agent: "throws", room: "silent-room" }, "wait=done");
  const id = (body.dispatch ?? body).id;
  await onPage("/rooms", async (page) => {
    const panel = page.getByRole("region", { name: "1 room is silent" });
    await panel.getByRole("link", { name: /throws was lost: .*thrown on purpose/ }).waitFor();
    equal(await rowOf(page, "silent-room").locator('[data-state="silent"]').innerText(), "silent");
    const [colour, token] = await panel.locator("b").first().evaluate((figure) => {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = "var(--st-silent)";
      return [getComputedStyle(figure).color, getComputedStyle(probe).color];
    });
    equal(colour, token);
    await panel.getByRole("link", { name: "Dispatch an agent here" }).click();
    await page.waitForURL(/\/dispatch\?/);
    equal(await page.getByLabel("Room", { exact: true }).inputValue(), "silent-room");
    equal(await page.getByLabel("Agent", { exact: true }).inputValue(), "throws");
  });
  await onPage("/rooms", async (page) => {
    await page.getByText("1 room is silent").waitFor();
    deepEqual(await problemsInEveryLook(page), []);
  });
  const { items } = await greenroom.get("/api/v1/rooms");
  const room = items.find(({ name }: { name: string }) => name === "silent-room");
  deepEqual([room.state, room.people, room.expected[0].dispatchId], ["silent", 1, id]);
  match(room.silentSince, /Z$/);
});

Deno.test("Without JavaScript the rooms are read, and a viewer is offered no dispatch", async () => {
  const { body: made } = await greenroom.call("POST", "/api/v1/keys", { name: "wall", role: "viewer" });
  const viewer = await signIn(browser, greenroom.url, made.key);
  await using _carol = await greenroom.human("read-room", "carol");
  await onPage("/rooms", async (page) => {
    // The rooms shown may be a moment old, and this page does not change by itself.
    await eventually(async () => {
      await page.reload();
      return await rowOf(page, "read-room").getByText("no agent asked for").isVisible();
    }, { what: "the room on the page" });
    equal(await page.getByRole("main").getByRole("link", { name: /dispatch/i }).count(), 0);
  }, { storageState: viewer, javaScriptEnabled: false });
});

Deno.test("However many ask at once, the server is read once", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => greenroom.get("/rooms?as=data")));
  equal(new Set(answers.map(({ at }) => at)).size, 1);
});

Deno.test("While LiveKit can't be reached the rooms are unknown, not none", async () => {
  await onPage("/rooms", async (page) => {
    await isAlive(page);
    await livekit.kill();
    await page.getByRole("heading", { name: "The rooms are not known" }).waitFor();
    match(await page.getByRole("main").innerText(), /can't be reached[\s\S]*Remedy\.[\s\S]*when they were read last/);
    equal(await page.getByText("No room is open").count(), 0);
  });
  const { status, body } = await greenroom.call("GET", "/api/v1/rooms");
  deepEqual([status, body.code], [503, "livekit_unreachable"]);
});
