/** Takes more and more memory outside of V8's heap, and keeps it. Metadata: MB per step. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "hoards",
  entry: async (ctx) => {
    const kept: Uint8Array[] = [];
    const { stepMb } = ctx.metadata as { stepMb: number };
    while (!ctx.signal.aborted) {
      kept.push(new Uint8Array(stepMb * 1_048_576).fill(1));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
});
