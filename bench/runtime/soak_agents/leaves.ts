/** Joins its room and leaves it by returning. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "leaves",
  entry: async (ctx) => {
    await ctx.connect();
  },
});
