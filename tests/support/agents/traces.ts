/** Works in spans of its own, one in another, one failed; says something; leaves by returning. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "traces",
  entry: async (ctx) => {
    await ctx.connect();
    ctx.log.info("the caller's trace is", { traceparent: ctx.tracer.traceparent });
    await ctx.tracer.span("outer", async () => {
      await ctx.tracer.span("inner", (span) => span.setAttribute("step", 2));
    }, { step: 1 });
    const span = ctx.tracer.startSpan("broken");
    span.fail(new Error("did not work"));
    span.end();
  },
});
