/** A job per participant that publishes. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "for_publisher",
  jobType: "publisher",
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
