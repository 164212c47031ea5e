/** Middleware: what is wrapped around every job of an agent, the same way for each. */
import type { JobContext } from "./job_context.ts";

/** Does something, calls `next()` (the next middleware, at last the entry) or not, does something. */
export type Middleware = (ctx: JobContext, next: () => Promise<void>) => void | Promise<void>;

export type Entry = (ctx: JobContext) => void | Promise<void>;

/**
 * One entry out of middleware (the first is the outermost) and an entry. Without a call of `next` the entry is not called,
 * and the job ends when the middleware does. Calling `next` twice throws.
 */
export function compose(middleware: readonly Middleware[], entry: Entry): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    let reached = -1;
    const call = async (index: number): Promise<void> => {
      if (index <= reached) throw new Error("Cannot call next() again: this middleware has called it already");
      reached = index;
      const one = middleware[index];
      if (one === undefined) await entry(ctx);
      else await one(ctx, () => call(index + 1));
    };
    await call(0);
  };
}
