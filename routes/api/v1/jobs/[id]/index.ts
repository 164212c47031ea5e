import { viewOfJob } from "../../../../../core/dispatch/dispatch_view.ts";
import { findJob } from "../../../../../db/dispatch_reads.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const job = isUuid(id) ? await findJob(partsOf(ctx.state).database, id) : null;
    return job ? Response.json(viewOfJob(job)) : noSuchJob(id);
  },
});
