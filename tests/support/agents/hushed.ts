/** May neither publish data nor change its own attributes: the control plane says for it that it is ready. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "hushed",
  permissions: { canPublishData: false, canUpdateOwnMetadata: false },
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
