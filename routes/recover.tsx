import { GroupsPanel } from "../components/recover/GroupsPanel.tsx";
import { LossesPanel } from "../components/recover/LossesPanel.tsx";
import { type RecoverData, recoverHref, type Window, WINDOWS } from "../components/recover/types.ts";
import { plural } from "../components/format.ts";
import { sinceMs } from "../components/jobs/query.ts";
import { listLosses, type LossRow } from "../db/losses.ts";
import { listFailureGroups, previewFailureGroup } from "../db/failure_groups.ts";
import RetryGroup from "../islands/RetryGroup.tsx";
import { actorOf, noteDone, requireRole } from "./(_shared)/access.ts";
import { define, type State } from "./(_shared)/define.ts";
import { isUuid, readForm } from "./(_shared)/input.ts";
import { viewOfLoss } from "./(_shared)/loss_views.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** Jobs that one click retries. */
const MAX_MEMBERS = 200;
const MAX_LOSSES = 20;
const WAIT_FOR_NOTHING = { wait: "none", waitMs: 1, onWaitTimeout: "continue" } as const;

export const handler = define.handlers({
  /** `since`: 1h, 24h or 7d; `group`: the fingerprint to preview. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const retried = Number(searchParams.get("retried") ?? "");
    const refused = Number(searchParams.get("refused") ?? "");
    const notice = searchParams.has("retried")
      ? `${plural(retried, "job")} retried${refused > 0 ? `, ${refused} refused` : ""}.`
      : null;
    return pageData(
      await recoverDataOf(ctx.state, windowOf(searchParams.get("since")), searchParams.get("group"), notice),
    );
  },

  /** The retry without JavaScript: of the ticked ids. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "dispatch.retry");
    if (refused) return refused;
    const { dispatcher, config } = partsOf(ctx.state);
    const body = await readForm(ctx.req, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const form = body.value;
    const ids = form.getAll("id").filter((id) => typeof id === "string" && isUuid(id)).slice(
      0,
      MAX_MEMBERS,
    ) as string[];
    requireRole(ctx, "operator", "dispatch.retry", plural(ids.length, "dispatch", "dispatches"));
    const requester = { actor: actorOf(ctx.state.principal), origin: "retry", traceparent: null } as const;
    let retried = 0;
    for (const id of ids) {
      const result = await dispatcher.retry(id, undefined, requester, WAIT_FOR_NOTHING);
      if (result.ok) retried += 1;
    }
    noteDone(ctx.state);
    const href = recoverHref(windowOf(String(form.get("since"))), String(form.get("group")));
    return ctx.redirect(`${href}&retried=${retried}&refused=${ids.length - retried}`, 303);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
    {data.notice !== null && <p role="status" class="panel p-4 font-semibold">{data.notice}</p>}
    <GroupsPanel data={data} />
    {data.group && data.preview && (
      <RetryGroup
        group={data.group}
        preview={data.preview}
        window={data.window}
        now={data.now}
        csrf={state.csrfToken ?? ""}
        canOperate={canOperate(state)}
      />
    )}
    <LossesPanel losses={data.losses} nowMs={Date.parse(data.now)} />
  </div>
));

function windowOf(text: string | null): Window {
  return WINDOWS.find((window) => window === text) ?? "24h";
}

async function recoverDataOf(
  state: State,
  window: Window,
  fingerprint: string | null,
  notice: string | null,
): Promise<RecoverData> {
  const { reads } = partsOf(state).database;
  const now = new Date();
  const since = new Date(now.getTime() - (sinceMs(window) ?? 0));
  const preview = (of: string) => previewFailureGroup(reads, { fingerprint: of, since, limit: MAX_MEMBERS });
  const [groups, losses, asked] = await Promise.all([
    listFailureGroups(reads, since, now),
    listLosses(reads, { limit: MAX_LOSSES, since }),
    fingerprint === null ? null : preview(fingerprint),
  ]);
  const group = groups.find((each) => each.fingerprint === fingerprint) ?? groups[0] ?? null;
  const chosen = group && (group.fingerprint === fingerprint ? asked : await preview(group.fingerprint));
  const isOpen = ({ readyAt, givenUpAt }: LossRow) => readyAt === null && givenUpAt === null;
  const openFirst = losses.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a))).map(viewOfLoss);
  return { window, losses: openFirst, groups, group, preview: chosen, notice, now: now.toISOString() };
}
