/** Does what an agent should not do, as its metadata says: { how }. */
import { defineAgent } from "greenroom";
import { z } from "zod";

const WAYS = ["loop", "exit", "reject", "heap", "flood", "timers", "stay"] as const;

export default defineAgent({
  name: "misbehaves",
  metadata: z.object({ how: z.enum(WAYS) }),
  entry: async (ctx) => {
    const { how } = ctx.metadata;
    if (how === "loop") { for (;;); }
    if (how === "exit") Deno.exit(3);
    if (how === "reject") void Promise.reject(new Error("nobody catches this"));
    if (how === "heap") await fillHeap();
    if (how === "flood") return await flood(3_000);
    if (how === "timers") { for (let i = 0; i < 500; i++) setInterval(() => {}, 0); }
    await ctx.ended;
  },
});

async function fillHeap(): Promise<void> {
  const kept: unknown[] = [];
  for (;;) {
    // Large pieces: with small ones V8 collects for many seconds before it gives up.
    kept.push(Array.from({ length: 500_000 }, (_, i) => i + 0.5));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

async function flood(forMs: number): Promise<void> {
  const lines = new TextEncoder().encode("flood\n".repeat(1_000));
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    Deno.stdout.writeSync(lines);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
