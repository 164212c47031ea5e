/** Blocks its event loop as soon as it is entered. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "spins",
  warmSlots: 0,
  entry: () => {
    for (;;);
  },
});
