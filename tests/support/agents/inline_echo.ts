/** Runs inside the control plane. Answers messages; throws when it is told to, as its metadata says. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "inline_echo",
  isolation: "inline",
  entry: async (ctx) => {
    const { how } = (ctx.metadata ?? {}) as { how?: string };
    ctx.room.on("dataReceived", (payload, _participant, _kind, topic) => {
      if (topic !== "chat") return;
      ctx.room.localParticipant?.publishData(payload, { reliable: true, topic }).catch(
        () => {/* the room is closing */},
      );
    });
    console.log(`runs in ${Deno.pid}`);
    if (how === "throw") throw new Error("thrown inline");
    if (how === "reject") void Promise.reject(new Error("rejected inline"));
    await ctx.connect();
    ctx.onShutdown((reason) => ctx.log.info(`shut down by ${reason}`));
    await ctx.ended;
  },
});
