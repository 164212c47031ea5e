/** Says something at each level, by ctx.log and by console, then leaves by returning. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "talks",
  entry: async (ctx) => {
    await ctx.connect();
    ctx.log.debug("first, by log");
    console.log("second, by", "console");
    ctx.log.warn("third, with fields", { count: 3 });
    console.error("fourth");
  },
});
