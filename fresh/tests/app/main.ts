import { App, staticFiles } from "fresh";
import type { State } from "./define.ts";

export const app = new App<State>();
app.use(staticFiles());
const startedAt = String(performance.timeOrigin);
app.get("/started", (ctx) => ctx.text(startedAt));
app.get("/before", () => {
  throw new Error("thrown before the files");
});
app.use(async (ctx) => {
  ctx.state.trail = ["main"];
  return await ctx.next();
});
app.fsRoutes();
app.get("/after", (ctx) => ctx.text(ctx.state.trail.join()));
