/** Cordon, uncordon and drain, as REST and the Workers page ask for them. */
import type { Context } from "fresh";
import { z } from "zod";
import type { Parts } from "../../core/services/control_plane.ts";
import { findInstance } from "../../db/instances.ts";
import { actorOf, requireRole } from "./access.ts";
import type { State } from "./define.ts";
import { findInstanceView } from "./fleet_views.ts";
import { isUuid } from "./input.ts";
import { partsOf } from "./parts.ts";
import { problem } from "./problem.ts";

/** As GREENROOM_DRAIN_TIMEOUT_MS. */
export const MAX_DRAIN_MS = 86_400_000;

export const drainRequestSchema = z.strictObject({
  deadlineMs: z.int().min(0).max(MAX_DRAIN_MS).optional().meta({
    description: "From now; what still runs then is ended. 0: now. Default: GREENROOM_DRAIN_TIMEOUT_MS.",
  }),
});

export type InstanceAction = { kind: "cordon" | "uncordon" } | { kind: "drain"; deadlineMs?: number | undefined };

/** Does what a POST asks for; 202 with the instance. `readAction` is called when the asker may. */
export async function answerInstanceAction(
  ctx: Context<State>,
  kind: InstanceAction["kind"],
  readAction: () => Promise<InstanceAction | Response>,
): Promise<Response> {
  const refused = requireRole(ctx, "operator", `instance.${kind}`);
  if (refused) return refused;
  const action = await readAction();
  if (action instanceof Response) return action;
  const parts = partsOf(ctx.state);
  const id = ctx.params.id ?? "";
  const failed = await actOnInstance(parts, id, action, actorOf(ctx.state.principal));
  return failed ?? Response.json(await findInstanceView(parts, id), { status: 202 });
}

/** Null when it was done (a drain: begun), else what stands against it. Done once more, it changes nothing. */
export async function actOnInstance(
  parts: Parts,
  id: string,
  action: InstanceAction,
  actor: string,
): Promise<Response | null> {
  const { control, config, instanceId } = parts;
  if (id !== instanceId) return await forward(parts, id, action, actor);
  switch (action.kind) {
    case "cordon":
      await control.cordon(actor);
      return null;
    case "uncordon":
      return await control.uncordon(actor) ? null : isStopping();
    case "drain": {
      const deadlineMs = action.deadlineMs ?? config.drainTimeoutMs;
      await control.drain({ actor, deadlineMs, then: "stay" }).recorded;
      return null;
    }
  }
}

/** Another instance has to do it: it is asked, and its answer waited for. */
async function forward(
  { database, fleet }: Parts,
  id: string,
  { kind, ...payload }: InstanceAction,
  actor: string,
): Promise<Response | null> {
  const other = isUuid(id) ? await findInstance(database, id) : null;
  if (!other || other.endedAt !== null) return isNotThere(id, other?.state ?? null);
  const result = await fleet.commands.send(id, kind, payload, actor);
  if (result.ok) return null;
  const who = { hostname: other.hostname, pid: other.pid };
  switch (result.code) {
    case "no_such_instance":
      return isNotThere(id, "stopped");
    case "timed_out":
      return problem({
        status: 504,
        code: "instance_not_answering",
        title: "That instance does not answer",
        detail: `${result.message}; it runs on ${other.hostname} (process ${other.pid}).`,
        remedy:
          "Look at it again in a minute: it may still do it. If it is gone, another instance takes its calls over.",
        members: who,
      });
    case "failed":
      return problem({
        status: 409,
        code: "instance_refused",
        title: "That instance could not do it",
        detail: result.message,
        remedy: `See the log of the Greenroom on ${other.hostname}.`,
        members: who,
      });
  }
}

function isNotThere(id: string, state: string | null): Response {
  return problem({
    status: 404,
    code: "instance_not_found",
    title: "There is no such instance",
    detail: state === null ? "No instance has this id." : `Instance ${id} has ended (${state}).`,
    remedy: "GET /api/v1/instances lists them.",
  });
}

function isStopping(): Response {
  return problem({
    status: 409,
    code: "instance_stopping",
    title: "The instance is stopping",
    detail: "It was told to end by a signal, which can't be undone.",
    remedy: "Start it again when it has ended.",
  });
}
