import { requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { readQuery } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { problem } from "../../../../(_shared)/problem.ts";
import { profileAnswer, profileQuerySchema } from "../../../../(_shared)/profile_answer.ts";

/** A profile of this instance's own process, as a download (admin). */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "instance.profile");
    if (refused) return refused;
    const query = readQuery(ctx.url, profileQuerySchema);
    if (!query.ok) return query.response;
    const { instanceId, profiling } = partsOf(ctx.state);
    if (ctx.params.id !== instanceId) return notThisInstance(ctx.params.id ?? "", instanceId);
    const { kind, seconds } = query.value;
    const profile = await profiling.ofInstance({ kind, durationMs: seconds * 1_000 });
    return profileAnswer(profile, ctx.req, `instance-${instanceId}`, kind);
  },
});

function notThisInstance(asked: string, instanceId: string): Response {
  return problem({
    status: 404,
    code: "not_this_instance",
    title: "That is another instance, or none",
    detail: `An instance gives profiles only of itself; this one is ${instanceId}, not ${asked.slice(0, 64)}.`,
    remedy: "Ask the instance itself, under its own address; GET /health tells which one answers.",
  });
}
