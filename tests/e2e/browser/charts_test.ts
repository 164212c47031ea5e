/** Charts in a real browser, on the real program. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { insertSamples, type MetricPoint } from "../../../db/metric_points.ts";
import { type Database, openDatabase } from "../../../db/client.ts";
import {
  launchBrowser,
  type PageOptions,
  problemsInEveryLook,
  type SignedIn,
  signIn,
  withPage,
} from "../../support/browser.ts";
import { embeddedConnection } from "../../support/embedded_connection.ts";
import { eventually } from "../../support/eventually.ts";
import { Greenroom } from "../../support/greenroom.ts";

const HOUR_MS = 3_600_000;
/** One hour of samples, beginning two hours ago, with a gap of ten minutes in its middle. */
const PAST = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 2 * HOUR_MS);
const GAP = { fromS: 1_500, toS: 2_100 };
const past = `/charts?since=${PAST.toISOString()}&until=${new Date(PAST.getTime() + HOUR_MS).toISOString()}`;

let greenroom: Greenroom;
let browser: Browser;
let storageState: SignedIn;

Deno.test.beforeAll(async () => {
  [greenroom, browser] = await Promise.all([Greenroom.start({ agents: ["echo"] }), launchBrowser()]);
  const source = await embeddedConnection(greenroom.dataDir);
  const database = openDatabase({ source, poolSize: 1, connectTimeoutMs: 10_000, statementTimeoutMs: 15_000 });
  await insertPast(database);
  await database.close();
  storageState = await signIn(
    browser,
    greenroom.url,
    (greenroom.authorization.authorization ?? "").slice("Bearer ".length),
  );
});

Deno.test.afterAll(async () => {
  await browser.close();
  await greenroom.stop();
});

async function insertPast(database: Database): Promise<void> {
  const instanceId = uuidv7();
  const seconds = Array.from({ length: 720 }, (_, n) => n * 5).filter((s) => s < GAP.fromS || s >= GAP.toS);
  const point = (metric: string, s: number, value: number): MetricPoint => {
    const at = new Date(PAST.getTime() + s * 1000);
    return { metric, at, instanceId, agent: "", count: 1, sum: value, min: value, max: value, p50: null, p95: null };
  };
  await insertSamples(database, seconds.flatMap((s) => [point("active_jobs", s, 7), point("max_jobs", s, 20)]));
}

/** A page of somebody who has signed in. With a language: Chromium names the C locale in a way that uPlot can't read. */
function onPage(path: string, work: (page: Page) => Promise<void>, options: PageOptions = {}) {
  return withPage(browser, greenroom.url + path, work, { storageState, locale: "en-US", ...options });
}

/** The chart of this name, once its lines are drawn by uPlot. */
async function drawn(page: Page, name: string) {
  const chart = page.getByRole("region", { name, exact: true });
  await chart.locator("canvas").waitFor();
  return chart;
}

/** Colours of a chart's canvas that are not transparent, with how many points have each. */
function coloursOf(page: Page, name: string): Promise<Record<string, number>> {
  return page.getByRole("region", { name, exact: true }).locator("canvas").evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const points = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data;
    const counts: Record<string, number> = {};
    for (let at = 0; at < points.length; at += 4) {
      if ((points[at + 3] ?? 0) < 200) continue;
      const colour = points.slice(at, at + 3).join();
      counts[colour] = (counts[colour] ?? 0) + 1;
    }
    return counts;
  });
}

Deno.test("Charts draw what is known, leave gaps where nothing is, and say both to the keyboard", async () => {
  await onPage(past, async (page) => {
    const chart = await drawn(page, "Calls and capacity");
    const cursor = chart.getByRole("slider", { name: "Calls and capacity, through time" });
    await cursor.focus();
    await page.keyboard.press("Home");
    const says = (text: RegExp) =>
      eventually(async () => text.test(await cursor.getAttribute("aria-valuetext") ?? ""), { what: `${text}` });
    await says(/^\d\d:\d\d:\d\d: calls 7, capacity 20$/);
    const last = Number(await cursor.getAttribute("aria-valuemax"));
    for (let step = 0; step < last / 2; step++) await page.keyboard.press("ArrowRight");
    await says(/calls not known, capacity not known$/);
    await chart.getByText("not known").first().waitFor();
    await page.keyboard.press("Escape");
    await chart.getByText("not known").first().waitFor({ state: "detached" });
  });
});

Deno.test("Dragging across a chart shows that part of the time, kept in the address with the agent", async () => {
  await onPage(`${past}&agent=echo`, async (page) => {
    const chart = await drawn(page, "Calls and capacity");
    const box = await chart.locator("canvas").boundingBox();
    ok(box);
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL((at) => at.search !== new URL(greenroom.url + past).search + "&agent=echo");
    const { searchParams } = new URL(page.url());
    const [since, until] = ["since", "until"].map((name) => Date.parse(searchParams.get(name) ?? ""));
    ok(since && until && until - since > 12 * 60_000 && until - since < 18 * 60_000, page.url());
    equal(searchParams.get("agent"), "echo");
    await drawn(page, "Calls and capacity");
  });
});

Deno.test("The range and the agent are chosen by links and a field, and Earlier and Later move in time", async () => {
  await onPage("/charts", async (page) => {
    await drawn(page, "Throughput");
    await page.getByRole("link", { name: "24h" }).click();
    await page.waitForURL(/range=24h/);
    await page.getByText("in steps of 10 min").waitFor();
    await page.getByLabel("Agent", { exact: true }).selectOption("echo");
    await page.waitForURL(/range=24h&agent=echo/);
    await page.getByRole("link", { name: "Earlier" }).click();
    await page.waitForURL(/since=.*agent=echo/);
    await page.getByRole("link", { name: "Later" }).waitFor();
  });
});

Deno.test("The overview's charts grow by themselves when a sample comes", async () => {
  await onPage("/", async (page) => {
    const chart = await drawn(page, "Calls and capacity");
    const cursor = chart.getByRole("slider");
    const { body } = await greenroom.dispatch({ agent: "echo", room: "charted" });
    await eventually(async () => /calls (0\.[1-9]|[1-9])/.test(await cursor.getAttribute("aria-valuetext") ?? ""), {
      what: "the call in the newest step",
    });
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  });
});

Deno.test("Charts take the theme's colours, also when the reader changes it", async () => {
  await onPage(past, async (page) => {
    await drawn(page, "Calls and capacity");
    const commonest = async () =>
      Object.entries(await coloursOf(page, "Calls and capacity")).sort(([, a], [, b]) => b - a)[0]?.[0];
    const light = await eventually(commonest, { what: "lines in the light theme" });
    await page.getByLabel("Colours").first().click();
    await page.getByLabel("Dark").check();
    const isOther = async () => ![undefined, light].includes(await commonest());
    await eventually(isOther, { what: "other colours" });
  });
});

Deno.test("Charts follow the window's width", async () => {
  await onPage(past, async (page) => {
    const chart = await drawn(page, "Calls and capacity");
    const widthOf = async () => (await chart.locator("canvas").boundingBox())?.width ?? 0;
    const wide = await widthOf();
    await page.setViewportSize({ width: 700, height: 900 });
    await eventually(async () => await widthOf() !== wide, { what: "another width" });
    const fits = async () => {
      const plot = await chart.locator(".chart-plot").boundingBox();
      return Math.abs(await widthOf() - (plot?.width ?? 0)) < 8;
    };
    await eventually(fits, { what: "a chart as wide as its place" });
  });
});

Deno.test("Without JavaScript charts are there as drawings, and their range can be chosen", async () => {
  await onPage(past, async (page) => {
    const chart = page.getByRole("region", { name: "Calls and capacity", exact: true });
    match(await chart.getByRole("img").getAttribute("aria-label") ?? "", /Latest: calls 7, capacity 20\.$/);
    ok(await chart.locator("svg path").count() >= 3);
    await page.getByRole("link", { name: "7d" }).click();
    await page.waitForURL(/range=7d/);
    await page.getByLabel("Agent", { exact: true }).selectOption("echo");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(/range=7d&agent=echo/);
  }, { javaScriptEnabled: false });
});

Deno.test("Charts have no serious or critical accessibility problem, in either theme, wide or narrow", async () => {
  await onPage(past, async (page) => {
    await drawn(page, "Calls and capacity");
    deepEqual(await problemsInEveryLook(page), []);
  });
});

Deno.test("A page with charts loads at most 60 kB of JavaScript gzipped, uPlot included", async () => {
  for (const path of ["/", "/charts"]) {
    let bytes = 0;
    const counting: Promise<void>[] = [];
    await onPage("/jobs", async (page) => {
      page.on("response", (response) => {
        if (!new URL(response.url()).pathname.endsWith(".js")) return;
        counting.push(gzippedBytes(response.url()).then((size) => void (bytes += size)));
      });
      await page.goto(greenroom.url + path);
      await drawn(page, "Calls and capacity");
    });
    await Promise.all(counting);
    ok(counting.length > 2 && bytes <= 60_000, `${path}: ${bytes} bytes in ${counting.length} files`);
  }
});

async function gzippedBytes(url: string): Promise<number> {
  const stream = (await fetch(url)).body?.pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}
