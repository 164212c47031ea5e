import { Icon } from "../Icon.tsx";
import { SLOT_KINDS, type SlotCounts, slotCounts, SlotMeter } from "../SlotMeter.tsx";
import { State } from "../State.tsx";
import { count } from "../format.ts";
import type { Overview } from "./types.ts";
import { verdictOf } from "./verdict.ts";

const GLYPHS = { served: "verdict-served", attention: "st-attention", failed: "st-failed" };
const WORDS: Record<typeof SLOT_KINDS[number], string> = {
  call: "in a call",
  leaving: "ending, instance drains",
  warm: "warm, starts in 0.1 s",
  free: "free, starts in 0.2 s",
  closed: "closed",
};

/** Five seconds, from the door: the sentence, how many more calls fit, and the slots that say why. */
export function VerdictPanel({ overview }: { overview: Overview }) {
  const verdict = verdictOf(overview);
  const instances = overview.instances.map((instance) => ({
    instance,
    slots: slotCounts(instance, warmOn(overview, instance.id)),
  }));
  const total = (kind: keyof SlotCounts) => instances.reduce((sum, { slots }) => sum + slots[kind], 0);
  return (
    <section
      class="verdict grid gap-x-8 gap-y-6 p-5 lg:grid-cols-[minmax(0,1fr)_auto] lg:p-6"
      data-state={verdict.state}
    >
      <div class="flex gap-4" aria-live="polite" aria-atomic="true">
        <Icon name={GLYPHS[verdict.state]} class="verdict-glyph mt-0.5 size-9 lg:size-11" />
        <div>
          <h2 class="text-xl font-bold sm:text-2xl">{verdict.title}</h2>
          <p class="mt-1 max-w-prose text-base text-muted">
            {verdict.text}{" "}
            {verdict.link && (
              <a class="whitespace-nowrap underline underline-offset-3" href={verdict.link.href}>
                {verdict.link.words}
              </a>
            )}
          </p>
        </div>
      </div>
      <a href="/workers" class="row-link flex items-end gap-3 lg:justify-end">
        <span class="text-wall font-bold">{count(overview.headroom.calls)}</span>
        <span class="pb-1 text-base leading-snug">
          <b class="block">{overview.headroom.calls === 1 ? "more call fits" : "more calls fit"}</b>
          <span class="text-muted">of {count(overview.headroom.maxJobs)} slots</span>
        </span>
      </a>
      <div class="grid gap-x-5 gap-y-4 sm:grid-cols-2 lg:col-span-2 xl:flex">
        {instances.map(({ instance, slots }) => (
          <a
            key={instance.id}
            href="/workers"
            class="row-link block min-w-0 xl:grow-(--n) xl:basis-0"
            style={`--n: ${instance.maxJobs}`}
          >
            <SlotMeter name={instance.hostname} slots={slots} />
            <span class="mt-2 flex items-center gap-1.5 text-xs">
              <b>{instance.hostname}</b>
              <span class="text-muted">{instance.liveJobs}/{instance.maxJobs}</span>
              {instance.state !== "running" && <State state={instance.state} />}
              {instance.staleInMs === 0 && <State state="unknown" word="silent, state unknown" />}
            </span>
          </a>
        ))}
      </div>
      <div class="legend lg:col-span-2">
        {SLOT_KINDS.filter((kind) => total(kind) > 0 || kind === "call" || kind === "free").map((kind) => (
          <span key={kind}>
            <i class="slot key-cell" data-s={kind}></i>
            {WORDS[kind]} <b>{count(total(kind))}</b>
          </span>
        ))}
      </div>
    </section>
  );
}

/** Warm slots of an instance, as far as they are known. */
export function warmOn({ agents }: Overview, instanceId: string): number {
  const there = agents.flatMap(({ instances }) => instances.filter((each) => each.instanceId === instanceId));
  return there.reduce((sum, { warm }) => sum + (warm ?? 0), 0);
}
