import { requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { profileAnswer, profileAsker, profileQuerySchema } from "../../../../(_shared)/profile_answer.ts";

/** A profile of an instance's own process, as a download (admin). */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "instance.profile");
    if (refused) return refused;
    const query = readQuery(ctx.url, profileQuerySchema);
    if (!query.ok) return query.response;
    const { profiles } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    const { kind, seconds } = query.value;
    const profile = isUuid(id)
      ? await profiles.ofInstance(id, { kind, durationMs: seconds * 1_000 }, profileAsker(ctx.state))
      : { ok: false, code: "instance_not_found", message: "No instance has this id." } as const;
    return profileAnswer(profile, ctx.req, `instance-${id}`, kind);
  },
});
