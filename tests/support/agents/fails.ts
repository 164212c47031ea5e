/** Throws what its metadata asks for, so that each class of error can be told from the others. */
import { defineAgent, FatalError, RetryableError, ValidationError } from "greenroom";

export default defineAgent({
  name: "fails",
  entry: async (ctx) => {
    const { how } = ctx.metadata as { how: string };
    switch (how) {
      case "retryable":
        throw new RetryableError("the model is busy", { retryAfterMs: 2_000 });
      case "fatal":
        throw new FatalError("there is no such account");
      case "validation":
        throw new ValidationError("customer.name", "must not be empty");
      case "network":
        await Deno.connect({ hostname: "127.0.0.1", port: 1 });
        return;
      default:
        throw new Error("something else");
    }
  },
});
