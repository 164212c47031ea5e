/** The shortest call there is: it joins, says that it is ready, and ends. One process per job. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "short",
  async entry(ctx) {
    await ctx.connect();
    ctx.shutdown("that was all");
  },
});
