/** Fails by an exception. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "throws",
  entry: () => {
    throw new RangeError("thrown on purpose");
  },
});
