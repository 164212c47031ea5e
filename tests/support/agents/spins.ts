/** Blocks its event loop for ever. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "spins",
  entry: () => {
    for (;;);
  },
});
