/**
 * Entry point of a slot's child: loads one agent, waits warm, runs its job, ends.
 *
 *   loading → warm → running → finished (still in the room) → left → exit 0
 *
 * - With several jobs at a time it goes on after one has left, until it is told to end by SIGTERM.
 * - It listens to the parent before it loads anything, so `start`, `cancel` and `ping` count from the first moment.
 * - A file that can't be loaded or prewarmed: `broken`, exit 1. Cancelled before entry: `finished`, entry never called.
 * - Parent gone: exit at once when idle; with a job, cleanup in 300 ms, leave the room, exit within 500 ms for certain.
 *   (A child whose event loop is stuck can't see that; the parent's reaper ends it.)
 * - User code may call Deno.exit: then nothing is sent, and the parent classifies the exit.
 * - A terminal's Ctrl-C and a service manager's stop signal reach the whole process group; whether a running job ends is
 *   the parent's to say, so SIGINT is ignored, and SIGTERM too while a job runs.
 */
import type { ParentMessage } from "../messages.ts";
import { readSlotArguments } from "./child_arguments.ts";
import { openChildChannel } from "./child_channel.ts";
import { SlotRun } from "./slot_run.ts";

const ORPHAN_EXIT_MS = 450;

const channel = await openChildChannel(Deno.args.slice(1));
const run = new SlotRun(channel, readSlotArguments(Deno.args[0]));

channel.listen((message: ParentMessage) => {
  if (message.type === "ping") channel.send({ type: "pong", sequence: message.sequence });
  else run.handle(message);
});
channel.closed.then(() => {
  setTimeout(() => Deno.exit(0), ORPHAN_EXIT_MS);
  if (!run.orphaned()) Deno.exit(0);
});
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  run.failUncaught(event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  run.failUncaught(event.error);
});

Deno.addSignalListener("SIGINT", () => {});
Deno.addSignalListener("SIGTERM", () => run.isIdle && Deno.exit(0));

Deno.exit(await run.toItsEnd());
