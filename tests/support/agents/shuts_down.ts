/** Ends its own job by ctx.shutdown, and notes what its shutdown callback is told. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "shuts_down",
  entry: async (ctx) => {
    ctx.onShutdown((reason) => ctx.log.info("shutdown callback", { reason }));
    await ctx.connect();
    ctx.shutdown("said goodbye");
    await ctx.ended;
  },
});
