/** A job per caller: greets, keeps what was said in checkpoints, and goes on from there when its process died. */
import { defineAgent, FatalError } from "greenroom";
import { z } from "zod";

interface Talk {
  heard: string[];
}

export default defineAgent({
  name: "receptionist",
  jobType: "participant",
  metadata: z.object({ company: z.string().min(1), language: z.enum(["en", "de"]).default("en") }),
  identity: "receptionist-{participant}-{jobId}",
  participant: (job) => ({ name: `Receptionist for ${job.participantIdentity}` }),
  recovery: { maxAttempts: 5, decide: (failure) => failure.class === "fatal" ? "SKIP" : "RETRY" },
  entry: async (ctx) => {
    const talk = await ctx.checkpoint.load<Talk>() ?? { heard: [] };
    ctx.room.on("dataReceived", async (payload, participant, _kind, topic) => {
      if (topic !== "chat" || participant?.identity !== ctx.job.participant) return;
      const text = new TextDecoder().decode(payload);
      talk.heard.push(text);
      ctx.progress({ turns: talk.heard.length });
      ctx.metrics.counter("turns").add(1, { language: ctx.metadata.language });
      await ctx.checkpoint.save(talk);
      await ctx.api.sendData(`You said: ${text}`, { topic: "chat", to: [participant.identity] });
    });
    await ctx.connect();
    const caller = await ctx.waitForParticipant();
    if (caller.attributes.blocked === "yes") throw new FatalError("this caller is blocked");
    const greeting = ctx.job.attempt === 1 ? `Welcome to ${ctx.metadata.company}` : "I'm back, sorry";
    await ctx.api.sendData(greeting, { topic: "chat", to: [caller.identity] });
    await ctx.ended; // the caller hangs up
  },
});
