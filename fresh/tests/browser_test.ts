/** What happens in a real browser: hydration, slots, shared signals, client navigation, live reload. */
import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import { cp } from "node:fs/promises";
import { fileURLToPath as fromFileUrl } from "node:url";
import chromiumBinary from "@sparticuz/chromium";
import { type Browser, chromium, type Page } from "playwright-core";
import { Builder } from "fresh/dev";
import { app } from "./app/main.ts";

const root = new URL("./app/", import.meta.url).href;
// No inline script may be needed: an app can forbid them.
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'";
const DEADLINE_MS = 15_000;

let browser: Browser;
let server: Deno.HttpServer<Deno.NetAddr>;
let origin: string;

Deno.test.beforeAll(async () => {
  (await new Builder({ root }).build({ snapshot: "memory" }))(app);
  const handle = app.handler();
  server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (req, info) => {
    const response = await handle(req, info);
    response.headers.set("content-security-policy", POLICY);
    return response;
  });
  origin = `http://127.0.0.1:${server.addr.port}`;
  browser = await chromium.launch({
    executablePath: await chromiumBinary.executablePath(),
    // Its own arguments run everything in one process, which then ends with the first page.
    args: ["--no-sandbox", "--disable-gpu"],
    headless: true,
  });
});

Deno.test.afterAll(async () => {
  await browser.close();
  await server.shutdown();
});

/** Opens a page, runs `work`, and demands that nothing but what `allowed` matches went wrong in it. */
async function onPage(path: string, work: (page: Page) => Promise<void>, allowed?: RegExp): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  try {
    await page.goto(origin + path);
    await work(page);
    deepEqual(problems.filter((problem) => !allowed?.test(problem)), []);
  } finally {
    await context.close();
  }
}

const text = (page: Page, selector: string) => page.locator(selector).innerText();
const see = (page: Page, selector: string, content: string) =>
  page.locator(selector).filter({ hasText: content }).first().waitFor();

Deno.test("Islands come to life, each with its own state, and one that fails leaves the others alive", async () => {
  await onPage("/islands", async (page) => {
    await page.click("#one");
    await see(page, "#one", "2");
    equal(await text(page, "#two"), "20");
    await page.click("#two");
    await see(page, "#two", "21");
  }, /broken in the browser/);
});

Deno.test("A signal given to two islands is one signal in the browser, and a computed one keeps its value", async () => {
  await onPage("/islands", async (page) => {
    equal(await text(page, "#left"), "5 10");
    await page.click("#left");
    await see(page, "#right", "6 10");
    await page.click("#right");
    await see(page, "#left", "7 10");
  }, /broken in the browser/);
});

Deno.test("Islands add no element, so they may stand in tables, and grow in their place", async () => {
  await onPage("/islands", async (page) => {
    await page.locator("td.first").first().click();
    await see(page, "td.first", "first 2");
    await page.locator("td.second").first().click();
    await see(page, "td.second", "second 2");
    const cells = await page.locator("td").allInnerTexts();
    deepEqual(cells, ["first 0", "first 1", "first 2", "between", "second 0", "second 1", "second 2"]);
  }, /broken in the browser/);
});

Deno.test("Hydration brings what differs to the browser's value", async () => {
  await onPage("/islands", async (page) => {
    await page.locator("b#differs.browser").waitFor();
    equal(await page.locator("#differs").count(), 1);
  }, /broken in the browser/);
});

Deno.test("Head in an island updates the live head", async () => {
  await onPage("/islands", async (page) => {
    await page.waitForFunction(() => document.title === "clicked 0");
    await page.click("#head");
    await page.waitForFunction(() => document.title === "clicked 1");
    const head = await page.evaluate(() => ({
      description: [...document.querySelectorAll("meta[name=description]")].map((each) => each.getAttribute("content")),
      themes: [...document.querySelectorAll("link[rel=stylesheet]")].map((each) => each.getAttribute("href")),
    }));
    deepEqual(head.description, ["clicks 1"]);
    equal(head.themes.length, 1);
    match(head.themes[0] ?? "", /^\/styles\.css\?\w+=\w+$/);
  }, /broken in the browser/);
});

Deno.test("Every kind of prop arrives as it was sent", async () => {
  await onPage("/islands/kinds", async (page) => {
    await page.waitForFunction(() => document.querySelector("#kinds")?.textContent !== "server");
    equal(await text(page, "#kinds"), await text(page, "#expected"));
    equal(await page.getAttribute("#kinds", "data-browser"), "true");
  });
});

Deno.test("Slots adopt the server's DOM, with islands in them, and keep what was typed", async () => {
  await onPage("/islands/slots", async (page) => {
    await page.click("#inside-open");
    await see(page, "#inside-open", "4");
    equal(await text(page, "#open > header"), "shown title");
    equal(await page.getAttribute("#open p.server", "data-x"), "1");
    await page.fill(".typed", "by hand");
    await page.click("#open > .toggle");
    await page.locator("#open p.server").waitFor({ state: "detached" });
    await page.click("#open > .toggle");
    await see(page, "#open p.server", "server text");
    await see(page, "#inside-open", "3");
    await page.click("#nested > .toggle");
    await page.click("#inside-nested");
    await see(page, "#inside-nested", "8");
  });
});

Deno.test("A slot that is not shown at first appears when shown, alive", async () => {
  await onPage("/islands/slots", async (page) => {
    equal(await page.locator("#closed em").count(), 0);
    await page.click("#closed > .toggle");
    await see(page, "#closed em", "hidden at first");
    await page.click("#inside-closed");
    await see(page, "#inside-closed", "10");
  });
});

Deno.test("Client navigation replaces partials, keeps state outside, and follows with URL, title, links and Back", async () => {
  await onPage("/nav/a", async (page) => {
    await page.evaluate(() => document.body.setAttribute("data-same-page", ""));
    await page.click("#outside");
    await see(page, "#near-a", "alive");
    await page.click("#to-b");
    await see(page, "h1", "page b true");
    equal(new URL(page.url()).pathname + new URL(page.url()).search, "/nav/b?x=1");
    equal(await page.title(), "page b");
    equal(await text(page, "#outside"), "1");
    equal(await page.getAttribute("html", "data-ended"), "near-a");
    equal(await page.getAttribute("#to-b", "aria-current"), "page");
    equal(await page.getAttribute("#to-a", "aria-current"), null);
    await page.click("#panel-b > .toggle");
    await see(page, "#near-b", "alive");
    await page.evaluate(() => scrollTo(0, 500));
    // A click by the mouse would scroll to the link first.
    await page.evaluate(() => document.querySelector<HTMLElement>("#to-a")?.click());
    await see(page, "h1", "page a");
    equal(await page.evaluate(() => scrollY), 0);
    await page.click("#in-a");
    await see(page, "#in-a", "2");
    await page.goBack();
    await see(page, "h1", "page b true");
    await page.waitForFunction(() => scrollY === 500);
    await page.goBack();
    await see(page, "h1", "page a");
    equal(await page.title(), "page a");
    ok(await page.evaluate(() => document.body.hasAttribute("data-same-page")));
  });
});

Deno.test("Client navigation follows redirects, f-partial, opt-outs and pages without partials", async () => {
  await onPage("/nav/a", async (page) => {
    const isSamePage = () => page.evaluate(() => document.body.hasAttribute("data-same-page"));
    const stamp = () => page.evaluate(() => document.body.setAttribute("data-same-page", ""));
    await stamp();
    await page.click("#to-redirect");
    await see(page, "h1", "page b true");
    match(page.url(), /\/nav\/b\?from=redirect$/);
    await page.click("#to-special");
    await see(page, "h1", "special");
    match(page.url(), /\/nav\/b$/);
    ok(await isSamePage());
    await page.click("#to-full");
    await see(page, "h1", "page b false");
    ok(!await isSamePage());
    await stamp();
    await page.click("#to-other");
    await see(page, "p", "items without their layout");
    match(page.url(), /\/items$/);
    ok(!await isSamePage());
  });
});

Deno.test("A page with islands preloads its modules and names no inline script", async () => {
  const response = await fetch(`${origin}/islands`);
  const html = await response.text();
  const link = response.headers.get("link") ?? "";
  match(link, /client-.*rel="modulepreload"/);
  match(link, /islands_Counter-/);
  doesNotMatch(link, /islands_Kinds-/);
  for (const [, src = ""] of link.matchAll(/<([^>]+)>/g)) {
    const script = await fetch(origin + src);
    await script.body?.cancel();
    equal(script.headers.get("cache-control"), "public, max-age=31536000, immutable");
  }
  equal([...html.matchAll(/<script(?![^>]*(src=|application\/json))/g)].length, 0);
});

Deno.test("Props that would arrive broken are refused, with the island and the place named", async () => {
  const printed: unknown[] = [];
  const handle = app.handler();
  const original = console.error;
  console.error = (error) => printed.push(error);
  try {
    for (const kind of ["function", "instance", "symbol", "promise", "error", "array", "bare", "deep", "elements"]) {
      const response = await handle(new Request(`http://localhost/islands/bad?kind=${kind}`));
      equal(response.status, 500, kind);
      match(await response.text(), /broken: Cannot pass \.value.* to island .*Kinds/, kind);
    }
  } finally {
    console.error = original;
  }
});

Deno.test("Two partials of one name are refused", async () => {
  const response = await app.handler()(new Request("http://localhost/nav/twice"));
  equal(response.status, 500);
  match(await response.text(), /two partials of the name &quot;content/);
});

/** Runs a copy of the fixture with `deno run --watch dev.ts`, and shows one of its pages. */
async function onDevelopmentPage(path: string, work: (page: Page, project: string) => Promise<void>): Promise<void> {
  const project = await copyFixture();
  const free = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = free.addr;
  free.close();
  const dev = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", rootConfig, "--watch", "dev.ts", String(port)],
    cwd: project,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const problems = new Response(dev.stderr).text();
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    const url = `http://127.0.0.1:${port}${path}`;
    for (const until = Date.now() + DEADLINE_MS;; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (await page.goto(url).catch(() => null) !== null) break;
      if (Date.now() > until) throw new Error("the development server did not come up");
    }
    await work(page, project);
  } finally {
    await context.close();
    dev.kill("SIGKILL");
    await dev.status;
    await problems;
    await Deno.remove(project, { recursive: true });
  }
}

Deno.test("A development server's pages reload when a route, an island or what they import changes, and the app goes on", async () => {
  await onDevelopmentPage("/islands/slots", async (page, project) => {
    const startedAt = async () => await (await page.request.get(new URL("/started", page.url()).href)).text();
    const started = await startedAt();
    await page.click("#inside-open");
    await see(page, "#inside-open", "4");
    await replaceIn(`${project}/routes/islands/slots.tsx`, "server text", "changed route");
    await see(page, "#open p.server", "changed route");
    const counter = `${project}/islands/Counter.tsx`;
    await replaceIn(counter, "onClick={() => count.value++}", "data-new onClick={() => count.value += 100}");
    await page.locator("[data-new]").first().waitFor();
    await page.click("#inside-open");
    await see(page, "#inside-open", "103");
    await reloaded(page, async () => {
      await Deno.mkdir(`${project}/routes/folder`);
      await Deno.writeTextFile(`${project}/routes/folder/new.tsx`, "export default () => <p id='new'>new</p>;");
    });
    const made = new URL("/folder/new", page.url()).href;
    equal((await page.request.get(made)).status(), 200);
    await reloaded(page, () => replaceIn(`${project}/routes/folder/new.tsx`, "id='new'", "id='newer'"));
    match(await (await page.request.get(made)).text(), /id="newer"/);
    equal(await startedAt(), started);
    await reloaded(page, () => replaceIn(`${project}/main.ts`, 'app.get("/after"', 'app.get("/more"'));
    notEqual(await startedAt(), started, "a change of what the app's entry imports starts it again");
  });
});

Deno.test("A development server shows what does not build or load in place of the page, until it does", async () => {
  await onDevelopmentPage("/islands/slots", async (page, project) => {
    const route = `${project}/routes/islands/slots.tsx`;
    await replaceIn(route, "server text", "{wrong");
    await see(page, "pre", "routes/islands/slots.tsx:");
    equal((await page.request.get(new URL("/after", page.url()).href)).status(), 200, "no page, so not in the way");
    await replaceIn(route, "{wrong", "right again");
    await see(page, "#open p.server", "right again");
    await replaceIn(route, "export default", "throw new Error('not now'); export default");
    await see(page, "pre", "not now");
    await replaceIn(route, "throw new Error('not now'); ", "");
    await see(page, "#open p.server", "right again");
  });
});

Deno.test("A development server brings new styles to a page without reloading it", async () => {
  await onDevelopmentPage("/islands/slots", async (page, project) => {
    await page.click("#inside-open");
    await see(page, "#inside-open", "4");
    await Deno.writeTextFile(`${project}/static/styles.css`, "#inside-open { outline-width: 17px }");
    await page.waitForFunction(() => getComputedStyle(document.querySelector("#inside-open")!).outlineWidth === "17px");
    equal(await text(page, "#inside-open"), "4");
    equal(await page.locator("link[rel=stylesheet]").count(), 1);
  });
});

async function reloaded(page: Page, act: () => Promise<void>): Promise<void> {
  await page.evaluate(() => document.body.dataset.shown = "before");
  await act();
  await page.locator("body:not([data-shown])").waitFor();
}

const rootConfig = fromFileUrl(new URL("../../deno.json", import.meta.url));

async function copyFixture(): Promise<string> {
  const target = await Deno.makeTempDir({ prefix: "fresh-dev-" });
  await cp(fromFileUrl(root), target, { recursive: true });
  return await Deno.realPath(target);
}

async function replaceIn(file: string, from: string, to: string): Promise<void> {
  await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace(from, to));
}
