/** Keeps what it is sent as its checkpoint, and tells the room what an earlier attempt was sent. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "remembers",
  aloneTimeoutMs: 0,
  entry: async (ctx) => {
    const say = (topic: string, text: string) =>
      ctx.room.localParticipant?.publishData(new TextEncoder().encode(text), { reliable: true, topic });
    ctx.room.on("dataReceived", async (payload, _participant, _kind, topic) => {
      if (topic !== "remember") return;
      await ctx.checkpoint.save({ text: new TextDecoder().decode(payload) });
      await say("remembered", "");
    });
    await ctx.connect();
    const kept = await ctx.checkpoint.load<{ text: string }>();
    if (kept !== null) await say("recalled", kept.text);
    await ctx.ended;
  },
});
