/** One Chromium from npm for a whole test file, with a fake microphone; pages that notice every error and CSP violation. */
import { deepEqual } from "node:assert/strict";
import axe from "axe-core";
import chromiumBinary from "@sparticuz/chromium";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const DEADLINE_MS = 15_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: await chromiumBinary.executablePath(),
    // Its own arguments run everything in one process, which then ends with the first page.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
    ],
    headless: true,
  });
}

/** A signed-in browser's cookies, for `withPage`. */
export type SignedIn = NonNullable<Exclude<BrowserContextOptions["storageState"], string>>;

/** Signs in as a person does, by the key. */
export async function signIn(browser: Browser, url: string, key: string): Promise<SignedIn> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((at) => at.pathname === "/");
  const state = await context.storageState();
  await context.close();
  return state;
}

/** Options of the browser's context, and what the console may say. */
export interface PageOptions extends BrowserContextOptions {
  allowed?: RegExp;
}

/** Opens a page, runs `work`, and demands that nothing went wrong in it: no exception, no console error. */
export async function withPage(
  browser: Browser,
  url: string,
  work: (page: Page) => Promise<void>,
  { allowed, ...options }: PageOptions = {},
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${message.text()} (${message.location().url})`);
  });
  try {
    await page.goto(url);
    await work(page);
    deepEqual(problems.filter((problem) => !allowed?.test(problem)), []);
  } finally {
    await context.close();
  }
}

/** Serious and critical violations of WCAG 2.2 A and AA and of best practice, as "rule: element". */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // By the debugger, because the page's policy forbids scripts from elsewhere.
  await page.evaluate(axe.source);
  return await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as { axe: { run: (options: unknown) => Promise<AxeResult> } };
    const { violations } = await axe.run({ runOnly: { type: "tag", values: tags } });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  }, RULES);
}

interface AxeResult {
  violations: { id: string; impact: string | null; nodes: { html: string }[] }[];
}
