/** Mutes whoever publishes a word that other agents report, and takes no rooms that are marked as unmoderated. */
import { ControlPlaneError, defineAgent } from "greenroom";
import { z } from "zod";

const Report = z.object({ identity: z.string() });

export default defineAgent({
  name: "moderator",
  readiness: "explicit",
  accept: ({ attributes }) => attributes.moderated !== "no",
  priority: ({ room }) => room.startsWith("live-") ? "urgent" : "normal",
  heartbeatTimeoutMs: 30_000,
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.subscribe("report", async ({ data, from }) => {
      const { identity } = Report.parse(data);
      ctx.log.warn("reported", { identity, by: from.agent });
      const tracks = (await ctx.api.getParticipant(identity))?.tracks ?? [];
      for (const { sid } of tracks.filter(({ kind }) => kind === "audio")) {
        await ctx.api.muteTrack(identity, sid, true).catch((error) => {
          if (!(error instanceof ControlPlaneError && error.code === "not_found")) throw error;
        });
      }
    });
    const beat = setInterval(() => ctx.heartbeat(), 10_000);
    ctx.onShutdown(() => clearInterval(beat));
    ctx.ready();
    await ctx.ended;
  },
});
