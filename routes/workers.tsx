import { HttpError, page } from "fresh";
import { Alert, type AlertText } from "../components/Alert.tsx";
import type { WorkersData, WorkerView } from "../components/workers/types.ts";
import type { Parts } from "../core/services/control_plane.ts";
import type { FleetConnection, FleetWorker } from "../core/services/fleet_workers.ts";
import WorkersBoard from "../islands/WorkersBoard.tsx";
import { actorOf, requireRole } from "./(_shared)/access.ts";
import { closedInstances, withOwnState } from "./(_shared)/closed_instances.ts";
import { define } from "./(_shared)/define.ts";
import { workersView } from "./(_shared)/fleet_views.ts";
import { readForm } from "./(_shared)/input.ts";
import { actOnInstance, type InstanceAction, MAX_DRAIN_MS } from "./(_shared)/instance_actions.ts";
import { overviewWithLoads } from "./(_shared)/overview_data.ts";
import { canOperate, pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";

/** A socket that was lost this lately is told of although it is there again. */
const RECENT_LOSS_MS = 600_000;
const MS_PER_MINUTE = 60_000;

interface WorkersPageData {
  workers: WorkersData;
  problem: AlertText | null;
}

export const handler = define.handlers({
  /** `as=data`: what the page shows as JSON, for the page itself. */
  async GET(ctx) {
    const workers = await workersData(partsOf(ctx.state));
    if (ctx.url.searchParams.get("as") === "data") return ctx.json(workers);
    return pageData<WorkersPageData>({ workers, problem: null });
  },

  /** The buttons without JavaScript: `action` is cordon, uncordon or drain (with `minutes`), `id` the instance. */
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "instance.change");
    if (refused) return refused;
    const parts = partsOf(ctx.state);
    const body = await readForm(ctx.req, parts.config.maxBodyBytes);
    if (!body.ok) return body.response;
    const id = String(body.value.get("id") ?? "");
    const action = actionOf(body.value);
    if (action === null) throw new HttpError(400, "The form does not say what to do.");
    requireRole(ctx, "operator", `instance.${action.kind}`, id);
    const failed = await actOnInstance(parts, id, action, actorOf(ctx.state.principal));
    if (failed === null) return ctx.redirect("/workers", 303);
    const { title, detail, remedy } = await failed.json();
    const problem = { title, detail, remedy };
    return page<WorkersPageData>({ workers: await workersData(parts), problem }, { status: failed.status });
  },
});

export default define.page<typeof handler>(({ data: { workers, problem }, state }) => (
  <>
    {problem && (
      <div class="mx-auto mb-4 max-w-[88rem]">
        <Alert {...problem} />
      </div>
    )}
    <WorkersBoard initial={workers} csrf={state.csrfToken ?? ""} canOperate={canOperate(state)} />
  </>
));

async function workersData(parts: Parts): Promise<WorkersData> {
  const [shared, workers] = await Promise.all([overviewWithLoads(parts), workersView(parts)]);
  const overview = withOwnState(parts, shared.overview);
  const now = new Date();
  return {
    ...shared,
    overview,
    workers: workers.map((worker) => viewOf(worker, now)),
    closed: await closedInstances(parts, overview),
    drainTimeoutMs: parts.config.drainTimeoutMs,
  };
}

/** Null when the form does not say it rightly. */
function actionOf(form: FormData): InstanceAction | null {
  const kind = form.get("action");
  if (kind === "cordon" || kind === "uncordon") return { kind };
  const deadlineMs = Number(form.get("minutes") ?? NaN) * MS_PER_MINUTE;
  return kind === "drain" && deadlineMs >= 0 && deadlineMs <= MAX_DRAIN_MS
    ? { kind, deadlineMs: Math.round(deadlineMs) }
    : null;
}

function viewOf(worker: FleetWorker, now: Date): WorkerView {
  const { id, instanceId, agent, jobType, loadRatio, refusal, declines, connection } = worker;
  const { state, since, attempts } = connection;
  return {
    ...{ id, instanceId, agent, jobType, state, since: since.toISOString(), attempts },
    ...{ loadRatio, refusal, declines: declines ?? [], trouble: troubleOf(connection, now) },
  };
}

/** What keeps it from LiveKit, or did so lately. Of an instance that is silent nothing: its panel says so. */
function troubleOf({ state, since, lastClose, lastError }: FleetConnection, now: Date): WorkerView["trouble"] {
  if (state === "unknown") return null;
  const isNow = state !== "registered" && state !== "stopped";
  const cause = isNow ? lastError ?? lastClose : lastClose;
  // When another instance's socket was lost is not always known: it was back soon after.
  const atMs = (cause?.at ?? since).getTime();
  if (cause === null || (!isNow && now.getTime() - atMs >= RECENT_LOSS_MS)) return null;
  const text = [cause.explanation, cause.remedy].map(sentence).join(" ").trim();
  if (!("code" in cause)) return { title: "can't connect.", text, isNow };
  const when = cause.at === null ? "" : ` at ${cause.at.toISOString().slice(11, 19)} UTC`;
  return { title: `lost its socket${when} (${cause.code}).`, text, isNow };
}

/** They begin small, some with an address. */
function sentence(text: string | null): string {
  return text === null ? "" : `${text.replace(/^[a-z](?![a-z]*:\/\/)/, (letter) => letter.toUpperCase())}.`;
}
