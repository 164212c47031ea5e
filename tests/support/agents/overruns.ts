/** Blocks its event loop when it is asked to end. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "overruns",
  entry: async (ctx) => {
    ctx.onShutdown(() => {
      for (;;);
    });
    await ctx.ended;
  },
});
