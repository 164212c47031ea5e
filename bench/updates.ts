/**
 * How long a change takes to be seen: from its stamp, which the control plane made, until the DOM of a real browser's page
 * shows it. With one slot, a dispatch waits until the one before it is cancelled; meanwhile its own page is opened, and the
 * jobs list shows both. Each round gives three changes: cancelled and running in the list, ready on the dispatch's page.
 *
 *   deno run -A bench/updates.ts [rounds]        (30 unless given)
 *
 * Painting is not waited for: that is up to 17 ms more.
 */
import type { Page } from "playwright-core";
import { launchBrowser, signIn } from "../tests/support/browser.ts";
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { formatTable, type Row, summarize } from "./statistics.ts";

const ROUNDS = Number(Deno.args[0] ?? 30);
const AIM_MS = 250;
/** So that one round's work is over before the next. */
const PAUSE_MS = 300;

/** Notes when a page first said something: milliseconds since the epoch, by "<id> <state>" or by heading. */
const WATCH = `
  globalThis.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll("tr[data-id]")) {
      const state = row.querySelector(".state")?.textContent.trim();
      globalThis.seen[row.dataset.id + " " + state] ??= Date.now();
    }
    for (const heading of document.querySelectorAll("main h2")) globalThis.seen[heading.textContent.trim()] ??= Date.now();
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
`;

let rooms = 0;

await using greenroom = await Greenroom.start({
  agents: ["echo"],
  env: { GREENROOM_LOG_LEVEL: "info", MAX_CONCURRENT_JOBS: "1" },
});
await greenroom.logged("registered with LiveKit");
const browser = await launchBrowser();
try {
  await run();
} finally {
  await browser.close();
}

async function run(): Promise<void> {
  const key = (greenroom.authorization.authorization ?? "").slice("Bearer ".length);
  const storageState = await signIn(browser, greenroom.url, key);
  const openPage = async () => await (await browser.newContext({ storageState, locale: "en-US" })).newPage();
  const [list, story] = [await openPage(), await openPage()];
  const delays = { cancelled: [] as number[], running: [] as number[], ready: [] as number[] };
  await open(list, "/jobs");
  let before = await dispatch();
  for (let round = 0; round < ROUNDS; round++) {
    const next = await dispatch();
    await list.getByRole("button", { name: /^\d+ new$/ }).click();
    await list.locator(`tr[data-id="${next}"]`).waitFor();
    await open(story, `/dispatches/${next}`);
    await greenroom.call("DELETE", `/api/v1/dispatches/${before}`);
    const [ended, started] = [await dispatchIn(before, "cancelled"), await dispatchIn(next, "running", "readyAt")];
    delays.cancelled.push(await seenAt(list, `${before} cancelled`) - Date.parse(ended.stages.endedAt));
    delays.running.push(await seenAt(list, `${next} running`) - Date.parse(started.stages.enteredAt));
    delays.ready.push(await seenAt(story, "Ready after") - Date.parse(started.stages.readyAt));
    before = next;
    await pause(PAUSE_MS);
  }
  const rows = Object.entries({ "all": Object.values(delays).flat(), ...delays }).map(([what, values]): Row => {
    const summary = summarize(values);
    return {
      what: `change → seen: ${what}`,
      summary,
      unit: "ms",
      aim: `p95 ≤ ${AIM_MS}`,
      isMet: summary.p95 <= AIM_MS,
    };
  });
  console.log(formatTable(rows));
  await write(rows, delays);
}

async function open(page: Page, path: string): Promise<void> {
  await page.goto(greenroom.url + path);
  await page.locator(".state-chip", { hasText: "Live" }).waitFor();
  await page.evaluate(WATCH);
}

async function dispatch(): Promise<string> {
  const { body } = await greenroom.dispatch({ agent: "echo", room: `updates-${++rooms}` }, "wait=none");
  return (body.dispatch ?? body).id;
}

function dispatchIn(id: string, state: string, stamp?: string) {
  return eventually(async () => {
    const found = await greenroom.get(`/api/v1/dispatches/${id}`);
    return found.state === state && (stamp === undefined || found.stages[stamp] !== null) ? found : null;
  }, { withinMs: 30_000, what: `${id} ${state}` });
}

/** When the page first said something that begins so. */
function seenAt(page: Page, what: string): Promise<number> {
  return eventually(() =>
    page.evaluate((wanted) => {
      const { seen } = globalThis as unknown as { seen: Record<string, number> };
      return Object.entries(seen).find(([key]) => key.startsWith(wanted))?.[1] ?? null;
    }, what), { withinMs: 15_000, what: `"${what}" on the page` });
}

async function write(rows: Row[], raw: Record<string, number[]>): Promise<void> {
  const folder = new URL("./results/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const file = new URL(`updates-${new Date().toISOString().replaceAll(":", "-")}.json`, folder);
  const report = { at: new Date(), cores: navigator.hardwareConcurrency, rows, raw };
  await Deno.writeTextFile(file, JSON.stringify(report, null, 2));
  console.log(`written to ${file.pathname}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
