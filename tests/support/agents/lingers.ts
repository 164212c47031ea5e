/** Stays as far back as its metadata says: it connects or not, and never says that it is ready. It ends when told. */
import { defineAgent } from "greenroom";
import { z } from "zod";

export default defineAgent({
  name: "lingers",
  readiness: "explicit",
  metadata: z.strictObject({ connect: z.boolean() }),
  entry: async (ctx) => {
    ctx.onShutdown((reason) => ctx.log.info("last words", { reason, aborted: String(ctx.signal.reason) }));
    if (ctx.metadata.connect) await ctx.connect();
    await ctx.ended;
  },
});
