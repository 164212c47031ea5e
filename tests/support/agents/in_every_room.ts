/** Comes into every new room of its namespace by itself. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "in_every_room",
  dispatch: "automatic",
  participant: (job) => ({ name: `for ${job.room}`, attributes: { room: job.room } }),
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
