/** Dies soon after it got warm, before it had a job. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "crashes_while_warm",
  prewarm: () => void setTimeout(() => Deno.exit(7), 50),
  entry: () => {},
});
