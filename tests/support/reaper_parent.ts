/** Stands in for a control plane that will be killed: prints the process ids of what it started, and waits. */
import { silentLogger } from "../../core/lifecycle/logger.ts";
import { Reaper } from "../../core/runtime/reaper.ts";

const reaper = new Reaper(silentLogger);
reaper.start();
const start = () => new Deno.Command("sleep", { args: ["600"], stdin: "null", stdout: "null" }).spawn().pid;
const [stuck, removed] = [start(), start()];
for (const pid of [stuck, removed]) await reaper.add(pid);
await reaper.remove(removed);
const line = JSON.stringify({ parent: Deno.pid, reaper: reaper.pid, stuck, removed });
Deno.stdout.writeSync(new TextEncoder().encode(line));
setTimeout(() => {}, 600_000);
