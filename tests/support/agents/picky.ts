/** Has a metadata schema, which loops or ends the process when it is asked to. */
import { defineAgent } from "greenroom";
import { z } from "zod";

export default defineAgent({
  name: "picky",
  metadata: z.object({
    customer: z.object({ name: z.string().min(1) }),
    mode: z.string().default("plain").refine((mode) => {
      if (mode === "exit") Deno.exit(5);
      while (mode === "loop");
      return true;
    }),
  }),
  entry: async (ctx) => {
    await ctx.ended;
  },
});
