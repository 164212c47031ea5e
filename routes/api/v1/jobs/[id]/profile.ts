import { findJob } from "../../../../../db/dispatch_reads.ts";
import { requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { profileAnswer, profileQuerySchema } from "../../../../(_shared)/profile_answer.ts";

/** A profile of the job's process, as a download (admin). */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "job.profile");
    if (refused) return refused;
    const query = readQuery(ctx.url, profileQuerySchema);
    if (!query.ok) return query.response;
    const { database, profiling } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    if (!isUuid(id) || !await findJob(database, id)) return noSuchJob(id);
    const { kind, seconds } = query.value;
    const profile = await profiling.ofJob(id, { kind, durationMs: seconds * 1_000 });
    return profileAnswer(profile, ctx.req, `job-${id}`, kind);
  },
});
