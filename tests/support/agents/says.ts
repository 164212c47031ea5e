/** Writes to its output what it is sent, and ends when that is "bye". */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "says",
  aloneTimeoutMs: 0,
  entry: async (ctx) => {
    ctx.room.on("dataReceived", (payload, _participant, _kind, topic) => {
      if (topic !== "say") return;
      const text = new TextDecoder().decode(payload);
      if (text === "bye") ctx.shutdown("bye");
      else console.log(text);
    });
    await ctx.connect();
    await ctx.ended;
  },
});
