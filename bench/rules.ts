/**
 * From a room's start to an agent that is ready in it: by a rule of ours, and by LiveKit's own automatic dispatch. Each has
 * a Greenroom and a LiveKit server of its own, because an automatic agent comes into every room; they take turns. Prints a
 * table and writes JSON to bench/results/.
 *
 *   deno run -A bench/rules.ts [samples]        (50 unless given)
 */
import { eventually } from "../tests/support/eventually.ts";
import { Greenroom } from "../tests/support/greenroom.ts";
import { formatTable, summarize, writeResults } from "./statistics.ts";

const SAMPLES = Number(Deno.args[0] ?? 50);
/** Warm slots are full again by then. */
const SETTLE_MS = 1_000;
const AIM_MS = 150;

/** From LiveKit's own stamp of the room's creation to our stamp of readiness; both clocks are this machine's. */
async function measure(greenroom: Greenroom, name: string): Promise<number> {
  const { api } = await greenroom.livekit();
  const room = await api.createRoom(name);
  const readyAt = await eventually(async () => {
    const { items: [dispatch] } = await greenroom.get(`/api/v1/dispatches?room=${name}`);
    return dispatch?.stages.readyAt ?? null;
  }, { withinMs: 20_000, what: `a ready agent in ${name}` });
  await api.deleteRoom(name);
  await greenroom.allSlotsFree();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return Date.parse(readyAt) - Number(room.creationTimeMs);
}

await using byRule = await Greenroom.start({ agents: ["echo"] });
await using automatic = await Greenroom.start({ agents: ["in_every_room"] });
const rule = { name: "everyone", agent: "echo", event: "room_started", roomPattern: "*" };
const { status } = await byRule.call("POST", "/api/v1/rules", rule);
if (status !== 201) throw new Error(`The rule was not made: ${status}`);

const measured = { rule: [] as number[], automatic: [] as number[] };
for (let i = -2; i < SAMPLES; i++) {
  const [ours, theirs] = [await measure(byRule, `rule-${i}`), await measure(automatic, `automatic-${i}`)];
  if (i < 0) continue; // the first ones warm up
  measured.rule.push(ours);
  measured.automatic.push(theirs);
}
const ours = summarize(measured.rule);
const rows = [
  {
    what: "room start → ready, by a rule",
    summary: ours,
    unit: "ms",
    aim: `p50 ≤ ${AIM_MS}`,
    isMet: ours.p50 <= AIM_MS,
  },
  { what: "room start → ready, LiveKit's automatic dispatch", summary: summarize(measured.automatic), unit: "ms" },
];
console.log(formatTable(rows));
await writeResults("rules", measured);
