/** What is told of workers that take no jobs, or declined some lately. Pure. */
import { count, plural } from "../format.ts";
import type { WorkerView } from "./types.ts";

export interface RefusalLine {
  /** Whom it is about. */
  agents: string;
  text: string;
}

/** What is not known stays as it was told. */
const WORDS: Record<string, string> = {
  instance_full: "no slot is free",
  agent_full: "it has as many jobs as it may",
  breaker_open: "its jobs crash one after another",
  cordoned: "the instance is cordoned",
  draining: "the instance drains",
  stopping: "the instance stops",
  retired: "a newer version takes over",
};
/** Of the whole instance, whose panel says so. */
const SAID_ABOVE = new Set(["instance_full", "cordoned", "draining", "stopping"]);

export function refusalLines(workers: readonly Pick<WorkerView, "agent" | "refusal" | "declines">[]): RefusalLine[] {
  const byRefusal = Map.groupBy(workers, ({ refusal }) => refusal);
  const refusing = [...byRefusal].flatMap(([refusal, those]) =>
    refusal === null || SAID_ABOVE.has(refusal) ? [] : [{
      agents: those.map(({ agent }) => agent).join(", "),
      text: `${those.length === 1 ? "takes" : "take"} no jobs now: ${words(refusal)}.`,
    }]
  );
  const declining = workers.filter(({ declines }) => declines.length > 0).map(({ agent, declines }) => {
    const total = declines.reduce((sum, each) => sum + each.count, 0);
    const reasons = declines.map((each) => `${words(each.reason)} (${count(each.count)})`).join(", ");
    return { agents: agent, text: `declined ${plural(total, "offer")} in the last ten minutes: ${reasons}.` };
  });
  return [...refusing, ...declining];
}

function words(reason: string): string {
  return WORDS[reason] ?? reason.replaceAll("_", " ");
}
