/** Takes or leaves what LiveKit offers as the dispatch's metadata says: "yes", "no", "throw", "loop"; all else is yes. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "choosy",
  accept: ({ metadata }) => {
    if (metadata === "throw") throw new Error("accept fails");
    while (metadata === "loop");
    return metadata !== "no";
  },
  load: ({ jobs }) => jobs > 0 ? 0.9 : 0.25,
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
