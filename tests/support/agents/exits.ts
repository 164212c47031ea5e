/** Ends its process in the middle of its job. */
import { defineAgent } from "greenroom";

export default defineAgent({ name: "exits", entry: () => Deno.exit(3) });
