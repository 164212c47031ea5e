/**
 * Dispatch to ready, beside the floor: a warm process with rtc-node as it comes that mints a token, connects and sends one
 * packet. Ours and the floor take turns on one real LiveKit server. Prints a table and writes JSON to bench/results/.
 *
 *   deno task bench [samples]        (50 unless given)
 */
import { mintParticipantToken } from "../core/livekit/tokens.ts";
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { startTestLivekit } from "../tests/support/livekit.ts";
import { RoomParticipant } from "../tests/support/room_participant.ts";
import { FloorProcess } from "./floor.ts";
import { memoryOfTree } from "./memory.ts";
import { formatTable, type Row, summarize } from "./statistics.ts";

const SAMPLES = Number(Deno.args[0] ?? 50);
const FEWER_SAMPLES = Math.ceil(SAMPLES / 2);
const BURSTS = 5;
const BURST_SIZE = 10;
/** GREENROOM_SPARE_PROCESSES of this run; 0 shows cold starts and bursts without them. */
const SPARE_PROCESSES = Number(Deno.env.get("GREENROOM_SPARE_PROCESSES") ?? 2);
/** So that what one sample leaves behind does not slow the next. */
const SETTLE_MS = 250;
/** Idle memory is read when start-up garbage is gone. */
const IDLE_MS = 15_000;

type Stage = "enteredAt" | "connectedAt" | "readyAt";
interface Sample {
  enteredMs: number;
  /** The same from the server's side: from the request being taken, in whole milliseconds. */
  enteredInsideMs: number;
  connectedMs: number;
  readyMs: number;
  /** From the request being sent to its answer with wait=ready. */
  answeredMs: number;
}

let rooms = 0;
const nextRoom = () => `bench-${++rooms}`;

const livekit = await startTestLivekit();
const greenroom = await Greenroom.start({
  livekit,
  env: {
    GREENROOM_AGENTS_DIR: new URL("./agents", import.meta.url).pathname,
    GREENROOM_LOG_LEVEL: "info",
    GREENROOM_SPARE_PROCESSES: String(SPARE_PROCESSES),
  },
});
try {
  await run();
} finally {
  await greenroom.stop();
  await livekit.stop();
}

async function run(): Promise<void> {
  await settled();
  await pause(IDLE_MS);
  const memory = await measureMemory();
  const { ours, floor } = await measureWarm();
  const cold = await measureCold();
  const seen = await measureSeenByHuman();
  const bursts = await measureBursts();
  const floorSummary = summarize(floor);
  const ready = summarize(ours.map((sample) => sample.readyMs));
  const entered = summarize(ours.map((sample) => sample.enteredMs));
  const inside = summarize(ours.map((sample) => sample.enteredInsideMs));
  const coldEntered = summarize(cold.map((sample) => sample.enteredMs));
  const human = summarize(seen);
  const burst = summarize(bursts);
  const ratio = ready.p50 / floorSummary.p50;
  const rows: Row[] = [
    { what: "floor: mint, connect, send one packet", summary: floorSummary, unit: "ms" },
    {
      what: "warm, direct: request taken → entered (server side)",
      summary: inside,
      unit: "ms",
      aim: "p50 ≤ 5, p95 ≤ 10",
      isMet: inside.p50 <= 5 && inside.p95 <= 10,
    },
    { what: "warm, direct: request sent → entered (client's HTTP included)", summary: entered, unit: "ms" },
    {
      what: "warm, direct: request → connected",
      summary: summarize(ours.map((sample) => sample.connectedMs)),
      unit: "ms",
    },
    { what: "warm, direct: request → ready", summary: ready, unit: "ms" },
    {
      what: "warm, direct: request → answer (wait=ready)",
      summary: summarize(ours.map((sample) => sample.answeredMs)),
      unit: "ms",
    },
    { what: "ready p50 / floor p50", summary: summarize([ratio]), unit: "ratio", aim: "≤ 0.75", isMet: ratio <= 0.75 },
    {
      what: "cold: request → entered",
      summary: coldEntered,
      unit: "ms",
      aim: "p50 ≤ 150",
      isMet: coldEntered.p50 <= 150,
    },
    { what: "cold: request → ready", summary: summarize(cold.map((sample) => sample.readyMs)), unit: "ms" },
    { what: "a human sees the agent", summary: human, unit: "ms", aim: "p50 ≤ 120", isMet: human.p50 <= 120 },
    {
      what: `burst of ${BURST_SIZE} on 2 warm: last one ready`,
      summary: burst,
      unit: "ms",
      aim: "≤ 800",
      isMet: burst.max <= 800,
    },
    {
      what: "idle: control plane, Postgres, 2 warm slots",
      summary: summarize([memory.idleMb]),
      unit: "MB PSS",
      aim: "≤ 300",
      isMet: memory.idleMb <= 300,
    },
    {
      what: "one warm slot",
      summary: summarize(memory.slotsMb),
      unit: "MB PSS",
      aim: "mean ≤ 50",
      isMet: mean(memory.slotsMb) <= 50,
    },
  ];
  console.log(`${SPARE_PROCESSES} spare processes`);
  console.log(formatTable(rows));
  const folder = new URL("./results/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const file = new URL(`dispatch-${new Date().toISOString().replaceAll(":", "-")}.json`, folder);
  await Deno.writeTextFile(
    file,
    JSON.stringify(
      { at: new Date(), cores: navigator.hardwareConcurrency, rows, raw: { floor, ours, cold, seen, bursts, memory } },
      null,
      2,
    ),
  );
  console.log(`written to ${file.pathname}`);
}

/** Ours and the floor, taking turns, each on a process that waits warm. */
async function measureWarm(): Promise<{ ours: Sample[]; floor: number[] }> {
  const ours: Sample[] = [];
  const floor: number[] = [];
  await sample("echo"); // the first request of a process warms its code paths
  for (let i = 0; i < SAMPLES; i++) {
    const process = new FloorProcess();
    await process.warmed();
    await pause(SETTLE_MS);
    floor.push((await process.sample(livekit, nextRoom())).sentMs);
    await pause(SETTLE_MS);
    ours.push(await sample("echo"));
  }
  return { ours, floor };
}

async function measureCold(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let i = 0; i < FEWER_SAMPLES; i++) samples.push(await sample("echo-cold"));
  return samples;
}

/** From the request to `participantConnected` in a room where a human waits. */
async function measureSeenByHuman(): Promise<number[]> {
  const room = nextRoom();
  const token = await mintParticipantToken(livekit, { room, identity: "human" });
  const human = await RoomParticipant.join({ url: livekit.url, token });
  const samples: number[] = [];
  for (let i = 0; i < FEWER_SAMPLES; i++) {
    const startedAtMs = Date.now();
    const { body } = await greenroom.dispatch({ agent: "echo", room });
    const { at } = await human.sees(body.jobs[0].participantIdentity);
    samples.push(at - startedAtMs);
    await end(body.id);
  }
  await human.leave();
  return samples;
}

/** Ten at once on two warm slots: how long until the last one is ready. */
async function measureBursts(): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < BURSTS; i++) {
    const startedAtMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: BURST_SIZE }, () => greenroom.dispatch({ agent: "echo", room: nextRoom() })),
    );
    samples.push(performance.now() - startedAtMs);
    const lost = answers.filter(({ status }) => status !== 201);
    if (lost.length > 0) {
      throw new Error(`${lost.length} of ${BURST_SIZE} did not get ready: ${JSON.stringify(lost[0]?.body)}`);
    }
    for (const { body } of answers) await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    for (const { body } of answers) await greenroom.dispatchIn(["cancelled"], body.id);
    await settled();
  }
  return samples;
}

async function measureMemory(): Promise<{ idleMb: number; slotsMb: number[] }> {
  const tree = await memoryOfTree(greenroom.pid);
  const toMb = (bytes: number) => bytes / 1_048_576;
  const slots = tree.filter(({ command }) => command.includes("slot_child.ts"));
  return {
    idleMb: toMb(tree.reduce((sum, { bytes }) => sum + bytes, 0)),
    slotsMb: slots.map(({ bytes }) => toMb(bytes)),
  };
}

async function sample(agent: string): Promise<Sample> {
  const startedAtMs = performance.timeOrigin + performance.now();
  const { status, body } = await greenroom.dispatch({ agent, room: nextRoom() });
  const answeredMs = performance.timeOrigin + performance.now() - startedAtMs;
  if (status !== 201) throw new Error(`Not ready: ${JSON.stringify(body)}`);
  // From the request being sent, HTTP included; stages have whole milliseconds, so half of one is what is cut off.
  const since = (stage: Stage) => Date.parse(body.stages[stage]) + 0.5 - startedAtMs;
  await end(body.id);
  return {
    enteredMs: since("enteredAt"),
    enteredInsideMs: Date.parse(body.stages.enteredAt) - Date.parse(body.stages.requestedAt),
    connectedMs: since("connectedAt"),
    readyMs: since("readyAt"),
    answeredMs,
  };
}

async function end(id: string): Promise<void> {
  await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
  await greenroom.dispatchIn(["cancelled"], id);
  await settled();
}

/** Nothing runs, and every agent has the warm slots that it should have. */
async function settled(): Promise<void> {
  await eventually(async () => {
    const instances = (await greenroom.call("GET", "/api/v1/instances")).body.items;
    // deno-lint-ignore no-explicit-any
    if (instances.find((one: any) => one.isThisOne).slots.spareProcesses < SPARE_PROCESSES) return false;
    const { body } = await greenroom.call("GET", "/api/v1/agents");
    // deno-lint-ignore no-explicit-any
    return body.items.every(({ running, slots }: any) =>
      running === 0 && slots.loading === 0 && slots.warm === slots.wanted
    );
  }, { withinMs: 60_000, what: "warm slots" });
  await pause(SETTLE_MS);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
