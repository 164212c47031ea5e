/** Comes into every new room, notes who is there for how long, and writes the list into the room's metadata. */
import { defineAgent, type Middleware } from "greenroom";

/** The same for every agent that uses it: how long its jobs take. */
const timed: Middleware = async (ctx, next) => {
  const startedAtMs = performance.now();
  await next();
  ctx.metrics.histogram("attendance_seconds").observe((performance.now() - startedAtMs) / 1_000);
};

export default defineAgent({
  name: "attendance",
  dispatch: "automatic",
  permissions: { canPublish: false, hidden: true },
  middleware: [timed],
  entry: async (ctx) => {
    const present = new Map<string, Date>();
    // Of several agents like this one in a room, one writes.
    const leadership = await ctx.electLeader("attendance");
    const publish = async () => {
      ctx.metrics.gauge("people").set(present.size);
      if (leadership.isLeader) await ctx.api.updateRoomMetadata(JSON.stringify([...present.keys()]));
    };
    ctx.onParticipant(async (_, participant, signal) => {
      present.set(participant.identity, new Date());
      await publish();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      const since = present.get(participant.identity);
      present.delete(participant.identity);
      ctx.log.info("left", { identity: participant.identity, seconds: (Date.now() - Number(since)) / 1_000 });
      if (!ctx.signal.aborted) await publish();
    });
    await ctx.connect();
    await ctx.ended;
  },
});
