/**
 * Holds many streams of live updates against the real program while it dispatches, and measures how long a change takes to
 * all of them and what the control plane's memory is.
 *   deno run -A bench/sse.ts [clients] [dispatches]
 */
import { Greenroom } from "../tests/support/greenroom.ts";
import { pssBytes } from "./memory.ts";
import { formatTable, summarize } from "./statistics.ts";

const clients = Number(Deno.args[0] ?? 1_000);
const dispatches = Number(Deno.args[1] ?? 20);
/** From the request to the last client's word of it. */
const DELIVERY_LIMIT_MS = 30_000;
const PAUSE_MS = 500;

const decoder = new TextDecoder();
const delays: number[] = [];
const stamps = new Map<string, number>();
let received = 0;
let hellos = 0;

await using greenroom = await Greenroom.start({ agents: ["echo"], env: { GREENROOM_LOG_LEVEL: "info" } });
await greenroom.logged("registered with LiveKit");
const before = await pssBytes(greenroom.pid);
const stopping = new AbortController();
const streams = Array.from({ length: clients }, () => follow(stopping.signal));
await until(() => hellos === clients);
const held = await pssBytes(greenroom.pid);
for (let n = 0; n < dispatches; n++) {
  const { body } = await greenroom.dispatch({ agent: "echo", room: `sse-${n}` });
  await pause(PAUSE_MS);
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
}
await pause(2_000);
const after = await pssBytes(greenroom.pid);
console.log(formatTable([
  { what: `change to client, ${clients} clients`, summary: summarize(delays), unit: "ms", aim: "p95 ≤ 250 ms" },
]));
console.table({
  clients,
  "events received": received,
  "PSS before (MB)": megabytes(before),
  "PSS with clients (MB)": megabytes(held),
  "PSS after dispatching (MB)": megabytes(after),
});
stopping.abort();
await Promise.allSettled(streams);

/** Notes the delay of every stage event: from its stamp, which the same machine's clock made, to its arrival here. */
async function follow(signal: AbortSignal): Promise<void> {
  const response = await fetch(`${greenroom.url}/api/v1/events?topics=dispatches,fleet`, {
    headers: greenroom.authorization,
    signal,
  });
  let text = "";
  for await (const chunk of response.body ?? []) {
    const nowMs = Date.now();
    const events = (text + decoder.decode(chunk, { stream: true })).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) note(event, nowMs);
  }
}

function note(event: string, nowMs: number): void {
  if (event.includes("event: hello")) hellos += 1;
  if (!event.includes("event: dispatch\n")) return;
  received += 1;
  const id = event.slice(0, event.indexOf("\n"));
  const stampMs = stamps.get(id) ?? newestStampMs(event);
  stamps.set(id, stampMs);
  delays.push(nowMs - stampMs);
}

/** Parsed once for all clients, so that reading does not slow the reader. */
function newestStampMs(event: string): number {
  const { stages } = JSON.parse(event.slice(event.indexOf("data: ") + 6));
  const reached = Object.values(stages).filter((stamp) => typeof stamp === "string");
  return Math.max(...reached.map((stamp) => Date.parse(stamp)));
}

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + DELIVERY_LIMIT_MS;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`Only ${hellos} of ${clients} streams opened`);
    await pause(20);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function megabytes(bytes: number | null): number {
  return Math.round((bytes ?? 0) / 1_048_576);
}
