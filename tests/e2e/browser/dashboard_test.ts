/** The dashboard in a real browser, on the real program. */
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
import { eventually } from "../../support/eventually.ts";
import { Greenroom } from "../../support/greenroom.ts";

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([
    // Agents that fail on purpose, one test after another, are no crash loop.
    Greenroom.start({ agents: ["echo", "throws", "picky"], env: { GREENROOM_BREAKER_THRESHOLD: "0" } }),
    launchBrowser(),
  ]);
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

/** Waits until the list shows so many rows. */
const rowsAre = (page: Page, count: number) =>
  eventually(async () => await page.locator("tbody tr").count() === count, { what: `${count} rows` });

let rooms = 0;
const newRoom = () => `room-${++rooms}`;

async function failedDispatch(room = newRoom()): Promise<string> {
  const { body } = await greenroom.dispatch({ agent: "throws", room }, "wait=done");
  return (body.dispatch ?? body).id;
}

async function bulkCancel(...ids: string[]): Promise<string> {
  const { status, body } = await greenroom.call("POST", "/api/v1/bulk-operations", { kind: "cancel", ids });
  equal(status, 201);
  return body.id;
}

Deno.test("Sign-in leads back to the page that was asked for", async () => {
  await withPage(browser, `${greenroom.url}/jobs?q=state%3Afailed`, async (page) => {
    equal(new URL(page.url()).pathname, "/sign-in");
    await page.getByLabel("API key").fill(keyOf(greenroom));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/\/jobs\?q=state%3Afailed$/);
    await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  });
});

Deno.test("Signing out ends the session: its pages ask for a key again", async () => {
  const own = await signIn(browser, greenroom.url, keyOf(greenroom));
  await withPage(browser, `${greenroom.url}/jobs`, async (page) => {
    await page.getByLabel("Account").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/sign-in/);
    await page.goto(`${greenroom.url}/jobs`);
    await page.waitForURL(/\/sign-in/);
  }, { storageState: own });
});

Deno.test("The dispatch form puts an agent into a room and shows ready without a reload", async () => {
  await onPage("/dispatch?agent=echo", async (page) => {
    await isAlive(page);
    await page.evaluate("globalThis.isSamePage = true");
    await page.getByLabel("Room", { exact: true }).fill(newRoom());
    await page.getByRole("button", { name: /^Dispatch echo to room-/ }).click();
    await page.getByText(/Ready after \d/).waitFor();
    await page.getByRole("region", { name: "Last dispatch" }).getByText("running").waitFor();
    equal(await page.evaluate("globalThis.isSamePage"), true);
  });
});

Deno.test("The dispatch form is made from the agent's schema and marks the field that does not fit", async () => {
  await onPage("/dispatch?agent=echo", async (page) => {
    await isAlive(page);
    await page.getByLabel("Agent", { exact: true }).selectOption("picky");
    const customer = page.getByLabel(/^customer/);
    equal(await customer.inputValue(), '{"name":""}');
    await page.getByLabel("Room", { exact: true }).fill(newRoom());
    await page.getByRole("button", { name: /^Dispatch picky/ }).click();
    await page.getByRole("alert").getByText("does not fit").waitFor();
    equal(await customer.getAttribute("aria-invalid"), "true");
    await customer.fill('{"name":"parcelway"}');
    await page.getByRole("button", { name: /^Dispatch picky/ }).click();
    await page.getByRole("region", { name: "Last dispatch" }).getByText("running").waitFor();
  }, { allowed: /422/ });
});

Deno.test("A failed dispatch's page tells error, remedy and stack, and its retry is a new dispatch", async () => {
  const id = await failedDispatch();
  await onPage(`/dispatches/${id}`, async (page) => {
    await page.getByRole("heading", { name: "Failed before it was ready" }).waitFor();
    match(await page.locator("pre").first().innerText(), /RangeError: thrown on purpose[\s\S]*at .*throws\.ts/);
    await page.getByText("Remedy.").first().waitFor();
    await page.getByRole("button", { name: "Retry 1 job", exact: true }).click();
    await page.waitForURL((at) => at.pathname.startsWith("/dispatches/") && !at.pathname.endsWith(id));
    await page.getByRole("link", { name: id }).waitFor();
  });
});

Deno.test("Cancelling asks first, then the running page shows the end without a reload", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() });
  await onPage(`/dispatches/${body.id}`, async (page) => {
    await page.evaluate("globalThis.isSamePage = true");
    await isAlive(page);
    await page.getByText("Cancel job, agent leaves the call").click();
    await page.getByRole("button", { name: "Cancel 1 job now" }).click();
    await page.getByRole("heading", { name: /^Cancelled after it was ready/ }).waitFor();
    equal(await page.evaluate("globalThis.isSamePage"), true);
  });
  equal((await greenroom.get(`/api/v1/dispatches/${body.id}`)).state, "cancelled");
});

Deno.test("A dispatch made elsewhere becomes ready on its open page without a reload", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() }, "wait=none");
  await onPage(`/dispatches/${body.id}`, async (page) => {
    await page.getByRole("heading", { name: /^Ready after/ }).waitFor();
    await page.getByText("In the call", { exact: true }).waitFor();
  });
});

Deno.test("Search by qualifiers keeps the filter in the address and shows only what fits", async () => {
  const room = newRoom();
  await failedDispatch(room);
  await onPage("/jobs", async (page) => {
    await isAlive(page);
    await page.keyboard.press("/");
    await page.keyboard.type("state:fai");
    await page.getByRole("option", { name: "state:failed" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.type(` room:${room}`);
    await page.keyboard.press("Enter");
    await page.waitForURL((at) => at.searchParams.get("q") === `state:failed room:${room}`);
    await rowsAre(page, 1);
    await page.getByRole("button", { name: `Remove room:${room}` }).click();
    await page.waitForURL((at) => at.searchParams.get("q") === "state:failed");
    const areAllFailed = async () => {
      const states = await page.locator("tbody tr .state").allInnerTexts();
      return states.length > 0 && states.every((state) => state.trim() === "failed");
    };
    await eventually(areAllFailed, { what: "a list of failed ones" });
  });
});

Deno.test("The list tells a filter that hides everything from an empty list, and what it did not understand", async () => {
  await onPage("/jobs?q=room%3Anowhere+colour%3Ared", async (page) => {
    await page.getByText("The filter hides everything").waitFor();
    match(await page.getByRole("status").innerText(), /no qualifier "colour"/);
  });
});

Deno.test("The list holds still while dispatches come, until the new ones are asked for", async () => {
  await failedDispatch();
  await onPage("/jobs", async (page) => {
    await isAlive(page);
    const ids = () => page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-id")));
    const before = await ids();
    await page.locator("tbody input[type=checkbox]").first().check();
    await page.getByText("1 selected").waitFor();
    const id = await failedDispatch();
    await page.getByRole("button", { name: /^\d+ new$/ }).waitFor();
    deepEqual(await ids(), before);
    await page.getByRole("button", { name: /^\d+ new$/ }).click();
    await page.locator(`tr[data-id="${id}"]`).waitFor();
    equal((await ids())[0], id);
  });
});

Deno.test("A shown row changes in place when its dispatch ends", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() });
  await onPage("/jobs", async (page) => {
    const row = page.locator(`tr[data-id="${body.id}"]`);
    await row.getByText("running").waitFor();
    await isAlive(page);
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    await row.getByText("cancelled").first().waitFor();
  });
});

Deno.test("Recover groups failures by error, and its button counts what will be retried", async () => {
  for (let i = 0; i < 3; i++) await failedDispatch();
  await onPage("/recover", async (page) => {
    await isAlive(page);
    await page.getByRole("link", { name: "RangeError: thrown on purpose" }).waitFor();
    const button = page.getByRole("button", { name: /^Retry \d+ jobs?$/ });
    const all = Number(/\d+/.exec(await button.innerText())?.[0]);
    ok(all >= 3, String(all));
    await page.getByLabel(`Select all ${all}`).uncheck();
    const boxes = page.locator("tbody input[name=id]");
    await boxes.nth(0).check();
    await boxes.nth(1).check();
    await page.getByRole("button", { name: "Retry 2 jobs", exact: true }).click();
    await page.waitForURL(/\/operations\/[0-9a-f-]{36}$/);
    await page.getByRole("heading", { name: "Retry 2 jobs" }).waitFor();
    await page.getByRole("img", { name: "2 done" }).waitFor();
    await page.locator(".state-chip", { hasText: "ended" }).waitFor();
    const made = page.getByRole("link", { name: "New dispatch" });
    await eventually(async () => await made.count() === 2, { what: "links to both" });
  });
});

Deno.test("What is chosen on the Jobs page is confirmed by its count, goes on by itself, and can be aborted", async () => {
  const room = newRoom();
  for (let i = 0; i < 3; i++) await failedDispatch(room);
  await onPage(`/jobs?q=room%3A${room}`, async (page) => {
    await isAlive(page);
    await page.getByLabel("Select all 3 shown jobs").check();
    await page.getByRole("button", { name: "Retry 3 jobs" }).click();
    await page.waitForURL(/\/operations\/new$/);
    await page.getByText("of 3 can be retried").waitFor();
    await page.getByLabel("Pace").fill("1");
    await page.getByRole("button", { name: "Retry 3 jobs" }).click();
    await page.waitForURL(/\/operations\/[0-9a-f-]{36}$/);
    await isAlive(page);
    await page.getByText("Abort, ").click();
    await page.getByRole("button", { name: "Yes, abort now" }).click();
    await page.locator(".state-chip", { hasText: "aborted" }).waitFor();
    await page.getByText("The operation was aborted first.").first().waitFor();
    await page.goto(`${greenroom.url}/recover`);
    await page.getByRole("link", { name: "Retry 3 jobs" }).waitFor();
  });
});

Deno.test("The overview says how many calls are served and counts a new one without a reload", async () => {
  await onPage("/", async (page) => {
    const figure = page.locator("dl[aria-label='Key figures'] dd a").first();
    await isAlive(page);
    const before = Number(await figure.innerText());
    const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() });
    await eventually(async () => Number(await figure.innerText()) === before + 1, { what: "one more live call" });
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    await eventually(async () => Number(await figure.innerText()) === before, { what: "one less" });
  });
});

Deno.test("Workers show this instance's slots and its connection to LiveKit", async () => {
  await onPage("/workers", async (page) => {
    await page.getByText("this one").waitFor();
    await page.getByRole("row", { name: /echo/ }).getByText("connected").waitFor();
  });
});

Deno.test("Keys: ? shows them, Ctrl-K jumps to a page, g and a letter go there", async () => {
  await onPage("/", async (page) => {
    await isAlive(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Search or jump to" }).waitFor();
    await page.keyboard.type("work");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/workers$/);
    await isAlive(page);
    await page.keyboard.press("g");
    await page.keyboard.press("j");
    await page.waitForURL(/\/jobs$/);
  });
});

Deno.test("The chosen colours are there on the next page, from its first paint", async () => {
  await onPage("/", async (page) => {
    await isAlive(page);
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByLabel("Colours").first().click();
    await page.getByLabel("Dark").check();
    const dark = await background();
    notEqual(dark, light);
    await page.goto(`${greenroom.url}/jobs`);
    equal(await background(), dark);
  });
});

Deno.test("Without JavaScript one signs in, dispatches, reads, searches and retries", async () => {
  const room = newRoom();
  await onPage("/dispatch?agent=throws", async (page) => {
    await page.getByLabel("Room", { exact: true }).fill(room);
    await page.getByRole("button", { name: "Dispatch throws" }).click();
    await page.waitForURL(/\/dispatches\//);
    const id = page.url().split("/").at(-1) ?? "";
    await greenroom.dispatchIn(["failed"], id);
    await page.reload();
    await page.getByRole("heading", { name: "Failed before it was ready" }).waitFor();
    await page.getByRole("button", { name: "Retry 1 job", exact: true }).click();
    await page.waitForURL((at) => at.pathname.startsWith("/dispatches/") && !at.pathname.endsWith(id));
    await page.goto(`${greenroom.url}/jobs`);
    await page.getByLabel("Search jobs by qualifiers").fill(`room:${room}`);
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.waitForURL(/q=room/);
    await rowsAre(page, 2);
    for (const box of await page.locator("tbody input[type=checkbox]").all()) await box.check();
    await page.getByRole("button", { name: "Retry the ticked" }).click();
    await page.getByRole("button", { name: /^Retry \d jobs?$/ }).click();
    await page.waitForURL(/\/operations\/[0-9a-f-]{36}$/);
    match(await page.locator("main").innerText(), /chosen one by one/);
    for (const path of ["/", "/workers", "/recover", "/operations"]) {
      await page.goto(greenroom.url + path);
      doesNotMatch(await page.locator("main").innerText(), /^\s*$/);
    }
  }, { javaScriptEnabled: false });
});

Deno.test("No page has a serious or critical accessibility problem, in either theme, wide or narrow", async () => {
  const failed = await failedDispatch();
  const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() });
  const paths = [
    "/",
    "/dispatch?agent=picky",
    "/jobs",
    `/dispatches/${failed}`,
    `/dispatches/${body.id}`,
    "/workers",
    "/recover",
  ];
  const found: string[] = [];
  await onPage("/", async (page) => {
    for (const path of paths) {
      await page.goto(greenroom.url + path);
      await isAlive(page);
      found.push(...(await problemsInEveryLook(page)).map((each) => `${path} ${each}`));
    }
  });
  deepEqual(found, []);
});

Deno.test("Pages of bulk operations have no serious or critical accessibility problem, in either theme, wide or narrow", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: newRoom() });
  const operation = await bulkCancel(body.id, await failedDispatch());
  const found: string[] = [];
  await onPage("/operations", async (page) => {
    for (const path of ["/operations", `/operations/${operation}`, "/operations/new?kind=retry&query=state%3Afailed"]) {
      await page.goto(greenroom.url + path);
      await isAlive(page);
      found.push(...(await problemsInEveryLook(page)).map((each) => `${path} ${each}`));
    }
  });
  deepEqual(found, []);
});

Deno.test("What is not there is a page that says so", async () => {
  const { status, body } = await greenroom.call("GET", "/nothing", undefined, { accept: "text/html" });
  equal(status, 404);
  match(body, /Nothing here/);
});

Deno.test("Each page's JavaScript is at most 60 kB gzipped", async () => {
  const failed = await failedDispatch();
  const operation = `/operations/${await bulkCancel(
    failed,
    (await greenroom.dispatch({ agent: "echo", room: newRoom() })).body.id,
  )}`;
  for (const path of ["/", "/dispatch", "/jobs", `/dispatches/${failed}`, "/workers", "/recover", operation]) {
    const { headers } = await greenroom.call("GET", path);
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
