import assert from "node:assert/strict";
import { SignInLink } from "../../../core/auth/sign_in_link.ts";

const URL_HERE = "http://127.0.0.1:8000";
const MADE_AT = new Date("2026-01-01T00:00:00Z");
const after = (ms: number) => new Date(MADE_AT.getTime() + ms);

async function withDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

async function madeToken(link: SignInLink): Promise<string> {
  const made = await link.make(URL_HERE, MADE_AT);
  assert.ok(made !== null && made.startsWith(`${URL_HERE}/sign-in?token=`));
  return new URL(made).searchParams.get("token") ?? "";
}

Deno.test("SignInLink works once", () =>
  withDirectory(async (path) => {
    const link = new SignInLink(path);
    const token = await madeToken(link);
    assert.equal(link.use("another", MADE_AT), false);
    assert.deepEqual([link.use(token, MADE_AT), link.use(token, MADE_AT)], [true, false]);
  }));

Deno.test("SignInLink works for 15 minutes", () =>
  withDirectory(async (path) => {
    for (const [elapsedMs, works] of [[15 * 60_000 - 1, true], [15 * 60_000, false]] as const) {
      const link = new SignInLink(path);
      const token = await madeToken(link);
      assert.equal(link.use(token, after(elapsedMs)), works);
    }
  }));

Deno.test("SignInLink's file is for its owner only, and a new start's link takes its place", () =>
  withDirectory(async (path) => {
    const link = new SignInLink(path);
    await link.store("first");
    await Deno.chmod(link.path, 0o644);
    await link.store("second");
    assert.equal(await Deno.readTextFile(link.path), "second\n");
    assert.equal((await Deno.stat(link.path)).mode! & 0o777, 0o600);
  }));

Deno.test("SignInLink is not made any more once somebody has signed in, and its file is gone", () =>
  withDirectory(async (path) => {
    const link = new SignInLink(path);
    const token = await madeToken(link);
    await link.store("link");
    await link.retire();
    await link.retire();
    assert.equal(link.use(token, MADE_AT), false);
    await assert.rejects(Deno.stat(link.path), Deno.errors.NotFound);
    assert.equal(await new SignInLink(path).make(URL_HERE), null);
  }));

Deno.test("SignInLink is made anew at a start when nobody has signed in, and the older one is void", () =>
  withDirectory(async (path) => {
    const older = await madeToken(new SignInLink(path));
    const link = new SignInLink(path);
    await madeToken(link);
    assert.equal(link.use(older, MADE_AT), false);
  }));
