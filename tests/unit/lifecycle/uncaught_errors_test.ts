import assert from "node:assert/strict";

const MODULES = new URL("../../../core/lifecycle/", import.meta.url);

/** Runs code in a process of its own until two errors are counted; gives its exit code and lines. */
async function run(code: string): Promise<{ code: number; lines: string[] }> {
  const script = `
    import { claimUncaught, reportUncaught, uncaughtErrors } from "${MODULES}uncaught_errors.ts";
    import { createLogger } from "${MODULES}logger.ts";
    const logger = createLogger({ level: "info", format: "text", write: (line) => console.log(line) });
    const breakTwice = () => {
      Promise.reject(new Error("rejected"));
      setTimeout(() => { throw new Error("thrown"); }, 1);
    };
    ${code}
    setInterval(() => {
      if (uncaughtErrors().count < 2) return;
      console.log("count", uncaughtErrors().count, uncaughtErrors().lastAtMs > 0);
      Deno.exit(7);
    }, 5);`;
  const { code: exit, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", script],
    stderr: "null",
  }).output();
  return { code: exit, lines: new TextDecoder().decode(stdout).trim().split("\n") };
}

/** Which errors were logged as caught by nothing. */
function logged(lines: string[]): (string | undefined)[] {
  const found = lines.filter((line) => line.includes("an error that nothing caught"));
  return found.map((line) => /rejected late|rejected|thrown/.exec(line)?.[0]).sort();
}

Deno.test("What nothing caught is logged and counted, and the process goes on", async () => {
  const { code, lines } = await run("reportUncaught(logger); breakTwice();");
  assert.equal(code, 7);
  assert.deepEqual(logged(lines), ["rejected", "thrown"]);
  assert.equal(lines.at(-1), "count 2 true");
});

Deno.test("What somebody claims is neither logged nor counted, until the claim is given up", async () => {
  const { code, lines } = await run(`
    const unclaim = claimUncaught((error) => {
      if (error.message === "thrown") setTimeout(() => { unclaim(); Promise.reject(new Error("rejected late")); }, 1);
      return error.message.startsWith("rejected");
    });
    reportUncaught(logger);
    breakTwice();`);
  assert.equal(code, 7);
  assert.equal(lines.at(-1), "count 2 true");
  assert.deepEqual(logged(lines), ["rejected late", "thrown"]);
});

Deno.test("Nothing is kept alive by claims alone: what is not claimed ends the process", async () => {
  const { code } = await run('claimUncaught((error) => error.message === "other"); breakTwice();');
  assert.equal(code, 1);
});
