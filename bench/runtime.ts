/**
 * The job runtime: starts, bursts, memory and CPU of held jobs, how soon a killed or stuck job is seen, offers in a storm;
 * and agents-js 1.9.0 on the same LiveKit server, where npm works. Prints tables and writes JSON to bench/results/.
 *
 *   deno task bench:runtime [samples] [--no-peers] [--only=<part of a measurement's name>]      (30 samples unless given)
 */
import { startTestLivekit, type TestLivekit } from "../tests/support/livekit.ts";
import { type Measured, withGreenroom } from "./runtime/bed.ts";
import { measureKill, measureStuck } from "./runtime/failures.ts";
import { measureHeld, measureWarmSlots } from "./runtime/held.ts";
import { measureAgentsJs } from "./runtime/agents_js.ts";
import { measureBursts, measureStarts } from "./runtime/starts.ts";
import { measureStorms } from "./runtime/storms.ts";
import { formatTable, writeResults } from "./statistics.ts";

const samples = Number(Deno.args.find((arg) => /^\d+$/.test(arg)) ?? 30);
const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length) ?? "";
const COLD_AIM_MS = 150;

/** A part that could not be measured, with why; the others are measured all the same. */
const failures: string[] = [];

const livekit = await startTestLivekit();
try {
  const parts = [...await measureOurs(livekit), ...await measured("storms", measureStorms)];
  console.log(formatTable(parts.flatMap(({ rows }) => rows)));
  for (const failure of failures) console.log(failure);
  const peers = Deno.args.includes("--no-peers") || only !== "" ? null : await measureAgentsJs(livekit, samples);
  if (peers) {
    console.log("\nagents-js 1.9.0, the same server, an equal echo agent");
    console.log(peers.skipped ?? formatTable(peers.rows));
    for (const note of peers.notes) console.log(note);
  }
  await writeResults("runtime", { cores: navigator.hardwareConcurrency, samples, parts, failures, peers });
} finally {
  await livekit.stop();
}

async function measureOurs(livekit: TestLivekit): Promise<Measured[]> {
  const fewer = Math.ceil(samples / 2);
  const cold = (what: string) => ({ what, agent: "echo-cold", samples: fewer, aimMs: COLD_AIM_MS });
  const byLivekit = { what: "warm, placed by LiveKit", agent: "echo", placement: "livekit", samples: fewer } as const;
  const withSpares = await withGreenroom(livekit, 2, async (bed) => [
    ...await measured("warm slots", () => measureWarmSlots(bed)),
    ...await measured("warm starts", () => measureStarts(bed, { what: "warm", agent: "echo", samples })),
    ...await measured("LiveKit's placement", () => measureStarts(bed, byLivekit)),
    ...await measured("cold starts", () => measureStarts(bed, cold("cold, 2 spare processes"))),
    ...await measured("bursts", () => measureBursts(bed)),
    ...await measured("kills", () => measureKill(bed, fewer)),
    ...await measured("busy loops", () => measureStuck(bed)),
  ]);
  const withoutSpares = await withGreenroom(livekit, 0, async (bed) => [
    ...await measured("cold starts without spares", () => measureStarts(bed, cold("cold, no spare processes"))),
    ...await measured("held jobs", () => measureHeld(bed, "isolated", "echo-cold", 35)),
    ...await measured("held jobs, sharing", () => measureHeld(bed, "jobsPerProcess 10", "echo-shared", 5)),
  ]);
  return [...withSpares, ...withoutSpares];
}

async function measured(what: string, measure: () => Promise<Measured>): Promise<Measured[]> {
  if (!what.includes(only)) return [];
  console.error(`measuring ${what} …`);
  try {
    return [await measure()];
  } catch (error) {
    failures.push(`not measured: ${what}: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}
