/** Like any agent that looks at each offer; its own host answers. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "decided",
  accept: ({ room }) => room !== "",
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
