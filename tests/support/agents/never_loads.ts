/** Its file is never done loading. */
import { defineAgent } from "greenroom";

await new Promise((resolve) => setTimeout(resolve, 600_000));

export default defineAgent({ name: "never_loads", entry: () => {} });
