/** Waits for its end without ever joining a room. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "idle",
  entry: async (ctx) => {
    ctx.log.info("idling", { pid: Deno.pid });
    await ctx.ended;
  },
});
