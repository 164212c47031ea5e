import { HttpError } from "fresh";
import { findJob } from "../../db/dispatch_reads.ts";
import { define } from "../(_shared)/define.ts";
import { isUuid } from "../(_shared)/input.ts";
import { partsOf } from "../(_shared)/parts.ts";

/** A job's page is its dispatch's: all attempts are in one place. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const job = isUuid(id) ? await findJob(partsOf(ctx.state).database, id) : null;
    if (!job) throw new HttpError(404, "There is no such job.");
    return ctx.redirect(`/dispatches/${job.dispatchId}`);
  },
});
