/** Writes far more to its stdout than anybody wants to read, then returns. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "floods",
  entry: () => {
    const lines = new TextEncoder().encode("flood\n".repeat(1_000));
    for (let i = 0; i < 100; i++) Deno.stdout.writeSync(lines);
  },
});
