/** What the runtime's measurements stand on: the real program on a real LiveKit server, and the calls that they share. */
import { eventually } from "../../tests/support/eventually.ts";
import { Greenroom } from "../../tests/support/greenroom.ts";
import type { TestLivekit } from "../../tests/support/livekit.ts";
import type { Row } from "../statistics.ts";

export interface Bed {
  livekit: TestLivekit;
  greenroom: Greenroom;
  /** GREENROOM_SPARE_PROCESSES. */
  spareProcesses: number;
}

/** What a measurement gives: lines of the table, and what they were made from. */
export interface Measured {
  rows: Row[];
  raw: Record<string, unknown>;
}

/** A dispatch that reached what it waited for. */
export interface Started {
  id: string;
  room: string;
  /** Its job's process. */
  pid: number;
  /** By the clock, when the request was sent. */
  sentAtMs: number;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** More than any measurement holds at once. */
export const MAX_JOBS = 60;
/** So that what one sample leaves behind does not slow the next. */
const SETTLE_MS = 250;
const ENDED = ["succeeded", "failed", "cancelled"];

let rooms = 0;
export const nextRoom = (): string => `runtime-${++rooms}`;

/** Nothing is run again, stopped by the breaker or kept warm by demand: that would change what the next sample meets. */
export async function withGreenroom<T>(
  livekit: TestLivekit,
  spareProcesses: number,
  measure: (bed: Bed) => Promise<T>,
): Promise<T> {
  const greenroom = await Greenroom.start({
    livekit,
    env: {
      GREENROOM_AGENTS_DIR: new URL("./agents", import.meta.url).pathname,
      GREENROOM_LOG_LEVEL: "info",
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "1",
      GREENROOM_BREAKER_THRESHOLD: "0",
      GREENROOM_MAX_WARM_SLOTS: "2",
      MAX_CONCURRENT_JOBS: String(MAX_JOBS),
      GREENROOM_SPARE_PROCESSES: String(spareProcesses),
    },
  });
  try {
    const bed = { livekit, greenroom, spareProcesses };
    await settled(bed);
    return await measure(bed);
  } finally {
    await greenroom.stop();
  }
}

/** Throws when it does not get as far as the query says (`wait=ready`). */
export async function start({ greenroom }: Bed, body: Record<string, unknown>, query?: string): Promise<Started> {
  const room = nextRoom();
  const sentAtMs = performance.timeOrigin + performance.now();
  const answer = await greenroom.dispatch({ room, ...body }, query);
  if (answer.status !== 201) throw new Error(`A job did not start: ${JSON.stringify(answer.body)}`);
  return { id: answer.body.id, room, pid: answer.body.jobs[0]?.pid, sentAtMs, body: answer.body };
}

/** Milliseconds from the request being sent to a stage; stages have whole milliseconds, half of one is what is cut off. */
export function stageMs({ sentAtMs, body }: Started, stage: "enteredAt" | "connectedAt" | "readyAt"): number {
  return Date.parse(body.stages[stage]) + 0.5 - sentAtMs;
}

export async function end(bed: Bed, started: readonly Started[]): Promise<void> {
  for (const { id } of started) await bed.greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
  for (const { id } of started) await ended(bed, id, 60_000);
  await settled(bed);
}

/** The dispatch as it was recorded at its end; polled closely, since the moment may be what is measured. */
export function ended({ greenroom }: Bed, id: string, withinMs: number) {
  return eventually(async () => {
    const dispatch = await greenroom.get(`/api/v1/dispatches/${id}`);
    return ENDED.includes(dispatch.state) ? dispatch : null;
  }, { withinMs, everyMs: 2, what: `the end of ${id}` });
}

/** Nothing runs, and what waits for jobs is complete. */
export async function settled(bed: Bed): Promise<void> {
  await eventually(async () => (await slotsOf(bed)).used === 0 && await isRefilled(bed), {
    withinMs: 60_000,
    what: "warm slots",
  });
  await pause(SETTLE_MS);
}

/** Every agent has the warm slots that it should have (free places of a shared process count), and the spare processes are back. */
export async function isRefilled(bed: Bed): Promise<boolean> {
  if ((await slotsOf(bed)).spareProcesses < bed.spareProcesses) return false;
  const { items } = await bed.greenroom.get("/api/v1/agents");
  // deno-lint-ignore no-explicit-any
  return items.every(({ slots }: any) => slots.loading === 0 && slots.warm >= slots.wanted);
}

async function slotsOf({ greenroom }: Bed): Promise<{ used: number; spareProcesses: number }> {
  const { items } = await greenroom.get("/api/v1/instances");
  return items.find((instance: { isThisOne: boolean }) => instance.isThisOne).slots;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
