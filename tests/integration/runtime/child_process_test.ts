import assert from "node:assert/strict";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { ProcessChild } from "../../../core/runtime/child_process.ts";
import type { ChildMessage } from "../../../core/runtime/messages.ts";

function exiting(expected: ConstructorParameters<typeof ProcessChild>[0]["expected"]): ProcessChild {
  const command = new Deno.Command("sh", { args: ["-c", "exit 1"], stdin: "null", stdout: "piped", stderr: "piped" });
  return new ProcessChild({ start: () => command.spawn(), expected, logger: silentLogger });
}

Deno.test("ProcessChild hears what a child said whose connection is accepted only after it has exited", async () => {
  const { promise: connection, resolve } = Promise.withResolvers<Deno.Conn | null>();
  const child = exiting({ token: "", connection, cancel: () => resolve(null) });
  const heard: ChildMessage[] = [];
  child.onMessage = (message) => heard.push(message);
  await child.exited;
  const said = [new TextEncoder().encode(`{"type":"broken","error":"boom"}\n`)];
  const read = (buffer: Uint8Array) => {
    const bytes = said.shift();
    if (bytes) buffer.set(bytes);
    return Promise.resolve(bytes?.length ?? null);
  };
  resolve({ read, write: () => Promise.resolve(0), close: () => {} } as unknown as Deno.Conn);
  assert.equal((await child.drained).code, 1);
  assert.deepEqual(heard, [{ type: "broken", error: "boom" }]);
});

Deno.test("ProcessChild waits no more for the connection of a child that has exited without one", async () => {
  const { promise: connection, resolve } = Promise.withResolvers<Deno.Conn | null>();
  const child = exiting({ token: "", connection, cancel: () => resolve(null) });
  await child.drained;
  assert.equal(await connection, null);
});
