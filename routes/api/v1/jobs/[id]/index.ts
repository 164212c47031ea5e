import { viewOfJob } from "../../../../../core/dispatch/dispatch_view.ts";
import { findJob } from "../../../../../db/dispatch_reads.ts";
import { findJobProgress } from "../../../../../db/job_details.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const { database } = partsOf(ctx.state);
    const job = isUuid(id) ? await findJob(database, id) : null;
    if (!job) return noSuchJob(id);
    return Response.json({ ...viewOfJob(job), progress: await findJobProgress(database, id) });
  },
});
