import assert from "node:assert/strict";
import { OutputTail, spawnGuarded } from "../../../core/livekit/guarded_process.ts";
import { eventually } from "../../support/eventually.ts";

Deno.test("OutputTail keeps the last lines only", () => {
  const tail = new OutputTail(2);
  for (const line of ["a", "b", "c"]) tail.add(line);
  assert.equal(tail.toString(), "b\nc");
  assert.equal(tail.includes("a"), false);
});

Deno.test("spawnGuarded hands over lines of both streams and the command's own exit code", async () => {
  const lines: string[] = [];
  const child = spawnGuarded({
    command: "sh",
    args: ["-c", "echo out; echo err >&2; printf rest; exit 3"],
    onLine: (line) => lines.push(line),
  });
  assert.equal((await child.exit).code, 3);
  assert.deepEqual(lines.toSorted(), ["err", "out", "rest"]);
});

Deno.test("spawnGuarded cuts a line that never ends", async () => {
  const lines: string[] = [];
  const child = spawnGuarded({
    command: "sh",
    args: ["-c", "head -c 100000 /dev/zero | tr '\\0' x"],
    onLine: (line) => lines.push(line),
  });
  await child.exit;
  assert.deepEqual(lines.map((line) => line.length), [8_192]);
});

Deno.test("spawnGuarded kills the command's own children with it", async () => {
  const pid = Promise.withResolvers<number>();
  const child = spawnGuarded({
    command: "sh",
    args: ["-c", "sleep 600 & echo $!; wait"],
    onLine: (line) => pid.resolve(Number(line)),
  });
  const grandchild = await pid.promise;
  await child.kill();
  assert.equal((await child.exit).signal, "SIGKILL");
  // It dies by the same signal, not before its parent is collected.
  await eventually(async () => {
    const state = await Deno.readTextFile(`/proc/${grandchild}/stat`).catch(() => "gone");
    return /gone|\) Z /.test(state);
  }, { what: "the end of the command's own child" });
});
