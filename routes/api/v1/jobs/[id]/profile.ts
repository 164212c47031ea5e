import { findJob } from "../../../../../db/dispatch_reads.ts";
import { requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { profileAnswer, profileAsker, profileQuerySchema } from "../../../../(_shared)/profile_answer.ts";

/** A profile of the job's process, whichever instance runs it, as a download (admin). */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "job.profile");
    if (refused) return refused;
    const query = readQuery(ctx.url, profileQuerySchema);
    if (!query.ok) return query.response;
    const { database, profiles } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    const job = isUuid(id) ? await findJob(database, id) : null;
    if (!job) return noSuchJob(id);
    const { kind, seconds } = query.value;
    const profile = await profiles.ofJob(job, { kind, durationMs: seconds * 1_000 }, profileAsker(ctx.state));
    return profileAnswer(profile, ctx.req, `job-${id}`, kind);
  },
});
