/** One Chromium from npm for a whole test file, with a fake microphone; pages that notice every error and CSP violation. */
import { deepEqual } from "node:assert/strict";
import axe from "axe-core";
import chromiumBinary from "@sparticuz/chromium";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { eventually, PATIENCE_MS } from "./eventually.ts";

const ALL_RULES = {
  type: "tag",
  values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
};
const RULES_OF_COLOURS = { type: "rule", values: ["color-contrast", "link-in-text-block"] };
/** A theme changes nothing but colours, so all rules are looked at once in each width. */
const LOOKS = [
  { width: 1440, colorScheme: "light", rules: ALL_RULES },
  { width: 1440, colorScheme: "dark", rules: RULES_OF_COLOURS },
  { width: 390, colorScheme: "dark", rules: ALL_RULES },
  { width: 390, colorScheme: "light", rules: RULES_OF_COLOURS },
] as const;

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
  page.setDefaultTimeout(PATIENCE_MS);
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
export async function accessibilityProblems(page: Page, rules: unknown = ALL_RULES): Promise<string[]> {
  // By the debugger, because the page's policy forbids scripts from elsewhere.
  if (!await page.evaluate("'axe' in globalThis")) await page.evaluate(axe.source);
  return await page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as { axe: { run: (options: unknown) => Promise<AxeResult> } };
    const { violations } = await axe.run({ runOnly });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  }, rules);
}

/** The same in both themes, wide and narrow, of the page as it is: how it looks is up to its styles, so it is loaded once. */
export async function problemsInEveryLook(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const { width, colorScheme, rules } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await eventually(() => page.evaluate(hasItsColours), { what: "the end of all transitions" });
    found.push(...(await accessibilityProblems(page, rules)).map((each) => `${colorScheme} ${width} ${each}`));
  }
  return found;
}

/** Runs in the page. Half way between two themes contrasts are none of either. */
function hasItsColours(): boolean {
  return !document.getAnimations().some((each) => each instanceof CSSTransition && each.playState === "running");
}

interface AxeResult {
  violations: { id: string; impact: string | null; nodes: { html: string }[] }[];
}
