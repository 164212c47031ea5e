/** A job per participant: says hello to its own by data, and stays until that one leaves. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "for_one",
  jobType: "participant",
  identity: "for-{participant}-{jobId}",
  entry: async (ctx) => {
    await ctx.connect();
    const { identity } = await ctx.waitForParticipant();
    const payload = new TextEncoder().encode(JSON.stringify({ identity, ...ctx.job }));
    await ctx.room.localParticipant?.publishData(payload, {
      reliable: true,
      topic: "hello",
      destination_identities: [identity],
    });
    await ctx.ended;
  },
});
