/** Fails by an exception. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "throws",
  recovery: { maxAttempts: 1 },
  entry: () => {
    throw new RangeError("thrown on purpose");
  },
});
