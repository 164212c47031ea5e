/** Waits in its room, and gives up soon when no human is there. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "lonely",
  aloneTimeoutMs: 600,
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
