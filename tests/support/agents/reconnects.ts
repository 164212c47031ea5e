/** Re-makes its whole room connection (not a mere resume) when it is sent anything, and says when it is back. */
import { SimulateScenarioKind } from "@livekit/rtc-node";
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "reconnects",
  aloneTimeoutMs: 0,
  entry: async (ctx) => {
    ctx.room.on("reconnecting", () => ctx.log.info("reconnecting"));
    ctx.room.on("reconnected", () => ctx.log.info("reconnected"));
    ctx.room.on("dataReceived", (_payload, _participant, _kind, topic) => {
      if (topic !== "reconnect") return;
      ctx.room.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        .catch((error) => ctx.log.error("could not reconnect", { error }));
    });
    await ctx.connect();
    await ctx.ended;
  },
});
