import assert from "node:assert/strict";
import { StartTurns } from "../../../core/runtime/start_turns.ts";

interface Loading {
  state: string;
  pid: number | null;
}

/** Callers that each start one process in their turn. */
function startAll(turns: StartTurns, count: number) {
  const processes: Loading[] = [];
  const all = Array.from({ length: count }, async (_, n) => {
    await turns.wait(() => true);
    const process = { state: "loading", pid: n + 1 };
    processes.push(process);
    turns.started(process);
  });
  return { processes, all: Promise.all(all) };
}

/** More turns of the event loop than any caller here needs to go on, if it may. */
async function nextTurns(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("StartTurns lets no more processes load at once than its limit, and the next start as one has loaded", async () => {
  const turns = new StartTurns(2);
  const { processes, all } = startAll(turns, 5);
  await nextTurns();
  assert.equal(processes.length, 2);
  for (let loaded = 0; loaded < 5; loaded++) {
    assert.equal(processes.filter(({ state }) => state === "loading").length, Math.min(2, 5 - loaded));
    processes[loaded]!.state = "warm";
    turns.changed();
    await nextTurns();
  }
  await all;
});

Deno.test("StartTurns holds nobody back who finds a slot meanwhile, and nobody when it stops", async () => {
  const turns = new StartTurns(1);
  turns.started({ state: "loading", pid: 1 });
  let hasToStart = true;
  const finds = turns.wait(() => hasToStart);
  hasToStart = false;
  await finds;
  const { processes, all } = startAll(turns, 3);
  await nextTurns();
  assert.equal(processes.length, 0);
  turns.stop();
  await all;
  assert.equal(processes.length, 3);
});

Deno.test("StartTurns does not count what runs without a process of its own", async () => {
  const turns = new StartTurns(1);
  turns.started({ state: "loading", pid: null });
  await turns.wait(() => true);
});

Deno.test("StartTurns is busy while somebody waits for a turn or for the process of one, and no longer", async () => {
  const turns = new StartTurns(1);
  assert.equal(turns.isBusy, false);
  const { processes, all } = startAll(turns, 2);
  assert.equal(turns.isBusy, true);
  for (const loaded of [0, 1]) {
    await nextTurns();
    assert.equal(turns.isBusy, true);
    processes[loaded]!.state = "warm";
    turns.changed();
  }
  await all;
  assert.equal(turns.isBusy, false);
  await turns.wait(() => false);
  assert.equal(turns.isBusy, false);
});
