/** Its hooks do what the room's name says. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "hooked",
  accept: ({ room }) => {
    while (room.startsWith("loops"));
    return !room.startsWith("unwanted");
  },
  priority: async ({ room }) => {
    if (room.startsWith("slow")) await new Promise((resolve) => setTimeout(resolve, 2_000));
    if (room.startsWith("throws")) throw new Error("on purpose");
    return room.startsWith("odd") ? "no such priority" as "high" : "high";
  },
  load: () => 0.25,
  recovery: { decide: ({ attempt }) => attempt < 3 ? "RETRY" : "SKIP" },
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
