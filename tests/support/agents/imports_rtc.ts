/** Says how it got rtc-node: whether it is the same one for `import` and `require`, and whether pino came with it. */
import { createRequire } from "node:module";
import { Room } from "@livekit/rtc-node";
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "imports_rtc",
  entry: (ctx) => {
    const require = createRequire(import.meta.url);
    const isSame = require("@livekit/rtc-node").Room === Room;
    const hasPino = Object.keys(require.cache).some((file) => file.includes("/pino/"));
    ctx.log.info("rtc-node", { isSame, hasPino });
    return Promise.resolve();
  },
});
