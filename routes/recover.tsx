import { GroupsPanel } from "../components/recover/GroupsPanel.tsx";
import { LossesPanel } from "../components/recover/LossesPanel.tsx";
import { type RecoverData, type Window, WINDOWS } from "../components/recover/types.ts";
import { sinceMs } from "../components/jobs/query.ts";
import { listLosses, type LossRow } from "../db/losses.ts";
import { previewFailureGroup } from "../db/failure_groups.ts";
import OperationsList from "../islands/OperationsList.tsx";
import RetryGroup from "../islands/RetryGroup.tsx";
import { define, type State } from "./(_shared)/define.ts";
import { failureGroups } from "./(_shared)/kept_failure_groups.ts";
import { viewOfLoss } from "./(_shared)/loss_views.ts";
import { operationsData } from "./(_shared)/operations_data.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** Jobs that are listed; all of a larger group are retried from its preview. */
const MAX_MEMBERS = 100;
const MAX_LOSSES = 20;
const MAX_OPERATIONS = 5;

export const handler = define.handlers({
  /** `since`: 1h, 24h or 7d; `group`: the fingerprint to preview. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const [recover, operations] = await Promise.all([
      recoverDataOf(ctx.state, windowOf(searchParams.get("since")), searchParams.get("group")),
      operationsData(partsOf(ctx.state), { limit: MAX_OPERATIONS, cursor: null }),
    ]);
    return pageData({ ...recover, operations });
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
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
    {data.operations.operations.length > 0 && (
      <>
        <OperationsList initial={data.operations} dataUrl="/operations?as=data&few" />
        <p class="-mt-2 px-1 text-muted">
          <a class="link-quiet" href="/operations">All bulk operations</a>
        </p>
      </>
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
): Promise<RecoverData> {
  const parts = partsOf(state);
  const { reads } = parts.database;
  const now = new Date();
  const windowMs = sinceMs(window) ?? 0;
  const since = new Date(now.getTime() - windowMs);
  const preview = (of: string) => previewFailureGroup(reads, { fingerprint: of, since, limit: MAX_MEMBERS });
  const [groups, losses, asked] = await Promise.all([
    failureGroups(parts, windowMs),
    listLosses(reads, { limit: MAX_LOSSES, since }),
    fingerprint === null ? null : preview(fingerprint),
  ]);
  const group = groups.find((each) => each.fingerprint === fingerprint) ?? groups[0] ?? null;
  const chosen = group && (group.fingerprint === fingerprint ? asked : await preview(group.fingerprint));
  const isOpen = ({ readyAt, givenUpAt }: LossRow) => readyAt === null && givenUpAt === null;
  const openFirst = losses.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a))).map(viewOfLoss);
  return { window, losses: openFirst, groups, group, preview: chosen, now: now.toISOString() };
}
