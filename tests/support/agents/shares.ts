/** Shares its process with other jobs of its kind. Metadata says what it does: { how, name }. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "shares",
  jobsPerProcess: 3,
  prewarm: (slot) => void (slot.data.jobs = 0),
  entry: async (ctx) => {
    const { how, name } = ctx.metadata as { how: string; name: string };
    const count = ctx.slot.data.jobs = Number(ctx.slot.data.jobs) + 1;
    console.log(`${name} is job ${count} of ${Deno.pid}`);
    if (how === "throw") throw new Error(`${name} threw`);
    if (how === "reject") void Promise.reject(new Error(`${name} rejected`));
    if (how === "exit") Deno.exit(9);
    if (how === "linger") await new Promise(() => {});
    await ctx.ended;
    console.log(`${name} ends`);
  },
});
