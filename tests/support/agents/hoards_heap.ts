/** Fills V8's heap until there is no more. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "hoards_heap",
  entry: async () => {
    const kept: unknown[] = [];
    for (;;) {
      // Large pieces: with small ones V8 collects for many seconds before it gives up.
      kept.push(Array.from({ length: 500_000 }, (_, i) => i + 0.5));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  },
});
